"""Backups on the wire."""

from typing import Annotated

from pydantic import StringConstraints

from tunesmith.server.kit.wire import Body, Reply


class BackupReq(Body):
    """The file of a backup, in the folder `backups` of the workspace."""

    backup_file_name: Annotated[
        str, StringConstraints(max_length=200, pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]*$")
    ] = "mongodb_backup.gz"


class Saved(Reply):
    """What a backup holds."""

    message: str = "Backup is complete"
    backup_file_name: str
    datasets: int
    experiments: int
    jobs: int


class Restored(Reply):
    """What a restore brought back, and how many objects it left alone because they were there."""

    message: str = "Restore is complete"
    datasets: int
    experiments: int
    jobs: int
    left_alone: int
