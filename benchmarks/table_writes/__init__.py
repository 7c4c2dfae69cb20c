"""Benchmark of what polls write to the table."""
