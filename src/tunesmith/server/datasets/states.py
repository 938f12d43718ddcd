"""How far the pull of a dataset is."""

from enum import StrEnum


class PullStatus(StrEnum):
    """What is happening to a dataset, in the API's words."""

    STARTING = "starting"
    IN_PROGRESS = "in_progress"
    PULL_COMPLETE = "pull_complete"
    INVALID_PULL = "invalid_pull"


SETTLED = frozenset({PullStatus.PULL_COMPLETE, PullStatus.INVALID_PULL})
"""States in which nothing is being pulled."""
