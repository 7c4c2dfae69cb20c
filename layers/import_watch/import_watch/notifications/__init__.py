"""What people and consumers read when a watch has ended. Pure."""
