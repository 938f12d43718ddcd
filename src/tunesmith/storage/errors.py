"""What can go wrong with a store, and with an archive."""


class StorageError(Exception):
    """A store could not be reached, refused, or lacks a file; the message names the store and the file."""


class StorageFileMissingError(StorageError):
    """The store answers, but the file is not there."""


class StoreUnavailableError(StorageError):
    """The store does not answer, or says that it cannot now; it may later."""


class TooLargeError(StorageError):
    """The file is larger than it may be; the message names the limit."""


class InvalidKeyError(StorageError, ValueError):
    """A key that no store may be asked for; the message names the key and the rule."""


class ArchiveError(Exception):
    """An archive cannot be extracted.

    Attributes:
        archive: its file name.
        fault: what is wrong with it, to follow its name in a sentence.
        remedy: what to do about it, as a sentence.
    """

    def __init__(self, archive: str, fault: str, remedy: str) -> None:
        self.archive = archive
        self.fault = fault
        self.remedy = remedy
        super().__init__(f"{archive} {fault}. {remedy}")
