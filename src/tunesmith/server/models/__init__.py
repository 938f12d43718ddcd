"""The weights of base experiments on this server: which are here, and how they come."""
