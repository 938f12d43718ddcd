"""Where files live: a store (bucket or folder) and a prefix in it, described without its secrets."""

from pathlib import Path
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field


class _Store(BaseModel):
    """A store's public settings. `id` is its workspace's id and the key of its secrets."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    id: str


class FolderStore(_Store):
    """A folder on this machine or on a file system that all machines share."""

    kind: Literal["folder"] = "folder"
    path: Path


class S3Store(_Store):
    """A bucket behind the S3 protocol. Its secrets are `access_key` and `secret_key`."""

    kind: Literal["s3"] = "s3"
    bucket: str
    region: str = "us-east-1"
    endpoint_url: str | None = None


Store = Annotated[FolderStore | S3Store, Field(discriminator="kind")]


class Location(BaseModel):
    """A place in a store. `prefix` has no leading or trailing slash; "" is the root."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    store: Store
    prefix: str = ""

    def child(self, name: str) -> "Location":
        """The place called `name` below this one."""
        return Location(store=self.store, prefix=f"{self.prefix}/{name}".strip("/"))
