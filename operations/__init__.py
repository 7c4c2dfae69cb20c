"""Commands for the operators of a stack, in an account or on this machine."""
