"""What can be wrong with a dataset."""


class DatasetError(Exception):
    """A dataset cannot be used; the message names the file, what is wrong and the remedy."""
