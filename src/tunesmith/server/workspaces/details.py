"""What `cloud_specific_details` may hold, and what it becomes: a store without secrets, and its secrets."""

import os
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, ClassVar, TypeVar
from urllib.parse import urlsplit
from uuid import UUID

from pydantic import BaseModel, ConfigDict, StringConstraints, ValidationError, field_validator

from tunesmith.server.kit.errors import BadRequestError
from tunesmith.server.kit.wire import CloudType
from tunesmith.server.workspaces.folders import allowed_folder
from tunesmith.storage.locations import FolderStore, S3Store, Store

AVAILABLE = (CloudType.SELF_HOSTED, CloudType.AWS)

_Text = Annotated[str, StringConstraints(max_length=2048, strip_whitespace=True)]
_Bucket = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]{1,254}$")]


@dataclass(frozen=True)
class Place:
    """A store and the secrets that open it."""

    store: Store
    secrets: dict[str, str]


class _Details(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")

    hint: ClassVar[str] = ""


_D = TypeVar("_D", bound=_Details)


class _Folder(_Details):
    path: _Text


class _Bucketed(_Details):
    cloud_bucket_name: _Bucket
    cloud_region: _Text = ""
    access_key: _Text = ""
    secret_key: _Text = ""

    def place(self, identity: UUID, endpoint_url: str | None) -> Place:
        """The bucket behind an endpoint; None stands for Amazon's own."""
        store = S3Store(
            id=str(identity),
            bucket=self.cloud_bucket_name,
            region=self.cloud_region or "us-east-1",
            endpoint_url=endpoint_url,
        )
        return Place(store, {"access_key": self.access_key, "secret_key": self.secret_key})


class _SelfHosted(_Bucketed):
    hint: ClassVar[str] = " For a folder of the server's machine give path alone."

    endpoint_url: _Text

    @field_validator("endpoint_url")
    @classmethod
    def _plain_address(cls, url: str) -> str:
        parts = urlsplit(url)
        if parts.scheme not in {"http", "https"} or not parts.hostname:
            raise ValueError("must be an address such as https://storage.example.com:9000")
        if parts.username or parts.password or parts.query or parts.fragment:
            raise ValueError("must hold no credentials and no query; use access_key and secret_key")
        return url


def place_of(
    cloud_type: CloudType, details: dict[str, Any], identity: UUID, roots: tuple[Path, ...]
) -> Place:
    """The store that a workspace's details describe; a local folder is made where there is none.

    Raises:
        BadRequestError: with every key that is missing, unknown or wrong, or the rule that a path breaks.
    """
    match cloud_type:
        case CloudType.SELF_HOSTED if "path" in details:
            folder = allowed_folder(_read(_Folder, details).path, roots)
            return Place(FolderStore(id=str(identity), path=folder), {})
        case CloudType.SELF_HOSTED:
            hosted = _read(_SelfHosted, details)
            return hosted.place(identity, hosted.endpoint_url)
        case CloudType.AWS:
            return _read(_Bucketed, details).place(identity, _amazon_endpoint())
        case _:
            names = " and ".join(one.value for one in AVAILABLE)
            raise BadRequestError(
                f"cloud_type {cloud_type.value} is not available yet; available are {names}. "
                "A self_hosted workspace takes any storage that speaks the S3 protocol."
            )


def details_of(store: Store, secrets: dict[str, str]) -> dict[str, Any]:
    """The details that describe a place, so that some of them can be changed."""
    if isinstance(store, FolderStore):
        return {"path": str(store.path)}
    found = {"cloud_bucket_name": store.bucket, "cloud_region": store.region, **secrets}
    return found | ({"endpoint_url": store.endpoint_url} if store.endpoint_url else {})


def _amazon_endpoint() -> str | None:
    """Where the server's operator wants Amazon's storage to be, by Amazon's own variables."""
    return os.environ.get("AWS_ENDPOINT_URL_S3") or os.environ.get("AWS_ENDPOINT_URL") or None


def _read(kind: type[_D], details: dict[str, Any]) -> _D:
    try:
        return kind.model_validate(details)
    except ValidationError as error:
        # The values stay out of the message: some are secrets.
        problems = [f"{_key(one['loc'])}: {one['msg']}" for one in error.errors(include_input=False)]
        keys = ", ".join(kind.model_fields)
        raise BadRequestError(f"{'; '.join(problems)}. The keys are {keys}.{kind.hint}") from None


def _key(location: tuple[int | str, ...]) -> str:
    return ".".join(["cloud_specific_details", *(ascii(part).strip("'") for part in location)])
