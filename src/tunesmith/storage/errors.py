"""What can go wrong with a store, and with an archive."""


class StorageError(Exception):
    """A store could not be reached, refused, or lacks a file; the message names the store and the file."""


class StorageFileMissingError(StorageError):
    """The store answers, but the file is not there."""


class InvalidKeyError(StorageError, ValueError):
    """A key that no store may be asked for; the message names the key and the rule."""


class ArchiveError(Exception):
    """An archive cannot be extracted; the message names the archive, the member and the rule."""
