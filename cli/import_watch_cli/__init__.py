"""The command line `import-watch`, and what it and the live page read of a stack."""
