"""Requests to vendors: bounded, restricted to allowed hosts, with secrets redacted."""
