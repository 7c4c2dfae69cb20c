"""What the functions do, step by step."""
