"""What an executor hands to a worker process: a folder, and the secrets that must not touch a disk."""

from pathlib import Path

from pydantic import BaseModel, ConfigDict, Field


class Launch(BaseModel):
    """One line of JSON on the worker's private channel.

    `secrets` maps a store's id to its secret settings (access keys and the like). `token` opens the
    callbacks of the job, by which what runs in it can report to the server from wherever it is. A worker
    that does not hear from its server for most of `lease_seconds` ends itself (see `Lease`).
    `environment` holds variables of the experiment's, which may be keys too; `withheld` names those that the
    job does not get, each with the reason.
    """

    model_config = ConfigDict(frozen=True)

    folder: Path
    secrets: dict[str, dict[str, str]] = {}
    token: str = ""
    lease_seconds: float = Field(30, gt=0)
    environment: dict[str, str] = {}
    withheld: dict[str, str] = {}

    @property
    def job(self) -> str:
        """The job's id, which names its folder."""
        return self.folder.name
