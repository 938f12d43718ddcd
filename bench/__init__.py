"""Measured comparisons. `make bench NAME` runs one and prints a table and JSON."""
