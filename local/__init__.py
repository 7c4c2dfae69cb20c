"""The embedded default: the real template on a local AWS emulator, with a simulator for every vendor."""
