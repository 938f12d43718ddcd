"""What can be wrong with a dataset, and how a pull ends early."""


class DatasetError(Exception):
    """A dataset cannot be used; the message names the file, what is wrong and the remedy."""


class FileFlawError(DatasetError):
    """One file of a dataset cannot be used.

    Attributes:
        fault: what is wrong with it, to follow its name in a sentence.
        remedy: what to do about it, as a sentence.
    """

    def __init__(self, file: str, fault: str, remedy: str) -> None:
        self.fault = fault
        self.remedy = remedy
        super().__init__(f"{file} {fault}. {remedy}")


class PullStoppedError(Exception):
    """A pull was asked to stop. What has arrived is kept: the next pull continues it."""
