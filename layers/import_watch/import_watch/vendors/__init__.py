"""What a vendor folder defines, and how responses and connections are read. Pure."""
