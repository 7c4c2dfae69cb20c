"""What a vendor states, and how its responses and connections are read. Pure."""
