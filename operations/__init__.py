"""Commands for whoever runs a stack, in an account or on this machine."""
