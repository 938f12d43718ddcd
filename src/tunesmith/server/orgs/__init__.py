"""Organisations: what users and objects belong to."""
