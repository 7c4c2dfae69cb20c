"""The life of a watch, from its start event to its outcome. Pure."""
