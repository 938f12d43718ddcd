"""Looks into pulled datasets, a module a family. Workers import these."""
