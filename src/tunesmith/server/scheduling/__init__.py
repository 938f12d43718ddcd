"""Decides which job runs when and where, and carries each to one defined end."""
