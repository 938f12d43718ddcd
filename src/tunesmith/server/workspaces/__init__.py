"""Workspaces: places in users' own storage, where datasets come from and results go to."""
