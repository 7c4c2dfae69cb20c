"""Benchmark of the list of ended watches."""
