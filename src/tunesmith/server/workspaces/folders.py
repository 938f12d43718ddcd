"""Which folders of this machine a workspace may be."""

import os
from pathlib import Path

from tunesmith.server.kit.errors import BadRequestError


def allowed_folder(path: str, roots: tuple[Path, ...]) -> Path:
    """The folder with every link followed, made if it is not there yet.

    Raises:
        BadRequestError: it does not lie under one of the roots, is no folder, or cannot be made.
    """
    if not Path(path).is_absolute():
        raise BadRequestError(
            f"cloud_specific_details.path {path!r} must be an absolute path. {_rule(roots)}"
        )
    try:
        folder = Path(path).resolve()
        if not any(folder.is_relative_to(root) for root in roots):
            raise BadRequestError(
                f"cloud_specific_details.path {path!r} is outside of the folders allowed. {_rule(roots)}"
            )
        folder.mkdir(parents=True, exist_ok=True)
    except (OSError, RuntimeError) as error:  # RuntimeError: a circle of links
        reason = error.strerror if isinstance(error, OSError) else error
        raise BadRequestError(f"cloud_specific_details.path {path!r} cannot be used: {reason}") from None
    return folder


def overlap(one: Path, other: Path) -> bool:
    """Whether one folder is the other or lies in it."""
    return one.is_relative_to(other) or other.is_relative_to(one)


def _rule(roots: tuple[Path, ...]) -> str:
    listed = os.pathsep.join(str(root) for root in roots)
    return (
        f"A local workspace lies under one of: {listed}. "
        "The server's operator sets these with TUNESMITH_WORKSPACE_ROOTS."
    )
