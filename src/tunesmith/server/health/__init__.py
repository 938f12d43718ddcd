"""Whether the server is well, and which one it is."""
