"""The live page: every watch of a stack in a browser, served on this machine alone."""
