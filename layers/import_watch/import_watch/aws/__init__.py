"""Access to AWS services, one module for each."""
