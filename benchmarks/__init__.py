"""Benchmarks: measurements taken side by side in one run, and reported as ratios."""
