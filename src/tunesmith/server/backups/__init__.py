"""Backups of a workspace: what the server knows of it, as one file in its own storage."""
