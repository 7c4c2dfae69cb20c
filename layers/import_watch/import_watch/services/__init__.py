"""The steps of the functions, which combine the pure core with AWS and the vendors."""
