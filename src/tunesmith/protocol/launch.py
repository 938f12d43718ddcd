"""What an executor hands to a worker process: a folder, and the secrets that must not touch a disk."""

from pathlib import Path

from pydantic import BaseModel, ConfigDict


class Launch(BaseModel):
    """One line of JSON on the worker's private channel.

    `secrets` maps a store's id to its secret settings (access keys and the like). `token` opens the
    callbacks of the job, by which what runs in it can report to the server from wherever it is.
    """

    model_config = ConfigDict(frozen=True)

    folder: Path
    secrets: dict[str, dict[str, str]] = {}
    token: str = ""
