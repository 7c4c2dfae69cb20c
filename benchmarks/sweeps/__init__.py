"""Benchmark of sweeps over many watches."""
