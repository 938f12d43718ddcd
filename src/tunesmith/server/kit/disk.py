"""Keeps the server from filling its disk to the brim."""

import shutil

from tunesmith.server.kit.errors import ServiceError
from tunesmith.server.kit.settings import Settings

_MIB = 1024 * 1024


class DiskFullError(ServiceError):
    """Too little room is left to write anything new."""

    status = 507


def require_room(settings: Settings) -> None:
    """Refuse to go on when the disk of the data folder is nearly full.

    Raises:
        DiskFullError: less than TUNESMITH_MIN_FREE_MB is free.
    """
    free = shutil.disk_usage(settings.data_dir).free // _MIB
    if free < settings.min_free_mb:
        raise DiskFullError(
            f"The disk of the data folder {settings.data_dir} is nearly full: {free} MiB are free and "
            f"{settings.min_free_mb} MiB must be (TUNESMITH_MIN_FREE_MB). "
            "Delete jobs or datasets that are no longer needed, or free space otherwise."
        )
