"""The messages and notifications that are published about a watch. Pure."""
