"""What an executor hands to a worker process: a folder, and the secrets that must not touch a disk."""

from pathlib import Path

from pydantic import BaseModel, ConfigDict


class Launch(BaseModel):
    """One line of JSON on the worker's private channel.

    `secrets` maps a store's id to its secret settings (access keys and the like).
    """

    model_config = ConfigDict(frozen=True)

    folder: Path
    secrets: dict[str, dict[str, str]] = {}
