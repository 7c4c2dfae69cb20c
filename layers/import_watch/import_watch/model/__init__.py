"""Imports, observations, watches and outcomes as plain values, without any I/O."""
