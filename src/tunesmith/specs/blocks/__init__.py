"""The sections that many networks share, a module a subject."""
