"""Where files live: a store (bucket, folder, hub or address) and a prefix in it, without its secrets."""

from pathlib import Path
from typing import Annotated, ClassVar, Literal

from pydantic import BaseModel, ConfigDict, Field

HUB = "https://huggingface.co"


class _Store(BaseModel):
    """A store's public settings. `id` is its workspace's or dataset's id and the key of its secrets.

    Attributes:
        read_only: whether nothing can be written there, results neither.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    read_only: ClassVar[bool] = False

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


class AzureStore(_Store):
    """A container of an Azure storage account. Its secret is `access_key`.

    Attributes:
        region: where the account is, for people; it chose the endpoint.
        endpoint_url: the blob service of this account, e.g. https://NAME.blob.core.windows.net.
    """

    kind: Literal["azure"] = "azure"
    account: str
    container: str
    region: str = ""
    endpoint_url: str


class GcsStore(_Store):
    """A bucket of Google Cloud Storage. Its secret is `service_account_key`, the key's JSON text.

    Attributes:
        endpoint_url: another service than Google's. Over plain http it is an emulator, which gets no key.
    """

    kind: Literal["gcs"] = "gcs"
    bucket: str
    endpoint_url: str | None = None


class HubStore(_Store):
    """The datasets of a Hugging Face hub, as keys OWNER/NAME[@REVISION]/FILE. Its secret is `token`.

    A revision that has a slash in it is written with %2F.
    """

    read_only: ClassVar[bool] = True

    kind: Literal["hub"] = "hub"
    endpoint_url: str = HUB


class UrlStore(_Store):
    """One file behind an address. Its secret is `query`, the part of the address behind the question mark.

    Attributes:
        url: the address without its query.
        private_hosts: names and networks that may be asked although they are not public, over http too.
        max_bytes: the largest size that the file may have.
    """

    read_only: ClassVar[bool] = True

    kind: Literal["url"] = "url"
    url: str
    private_hosts: tuple[str, ...] = ()
    max_bytes: int


Store = Annotated[
    FolderStore | S3Store | AzureStore | GcsStore | HubStore | UrlStore, Field(discriminator="kind")
]


class Location(BaseModel):
    """A place in a store. `prefix` has no leading or trailing slash; "" is the root."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    store: Store
    prefix: str = ""

    def child(self, name: str) -> "Location":
        """The place called `name` below this one."""
        return Location(store=self.store, prefix=f"{self.prefix}/{name}".strip("/"))
