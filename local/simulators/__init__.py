"""One simulator per vendor: a real HTTP server, in a process of its own, with scripted imports."""
