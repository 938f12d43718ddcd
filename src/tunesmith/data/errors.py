"""What can be wrong with a dataset, and how a pull ends early."""


class DatasetError(Exception):
    """A dataset cannot be used; the message names the file, what is wrong and the remedy."""


class PullStoppedError(Exception):
    """A pull was asked to stop. What has arrived is kept: the next pull continues it."""
