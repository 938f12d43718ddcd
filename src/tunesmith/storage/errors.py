"""What can go wrong with a store."""


class StorageError(Exception):
    """A store could not be reached, refused, or lacks a file; the message names the store and the file."""


class StorageFileMissingError(StorageError):
    """The store answers, but the file is not there."""
