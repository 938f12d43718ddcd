"""What `cloud_specific_details` may hold, and what it becomes: a store without secrets, and its secrets."""

import json
import os
from dataclasses import dataclass
from typing import Annotated, Any, ClassVar, TypeVar
from urllib.parse import urlsplit
from uuid import UUID

from pydantic import BaseModel, ConfigDict, StringConstraints, ValidationError, field_validator

from tunesmith.server.kit.errors import BadRequestError
from tunesmith.server.kit.settings import Settings
from tunesmith.server.kit.wire import CloudType
from tunesmith.server.workspaces.folders import allowed_folder
from tunesmith.storage.errors import StorageError
from tunesmith.storage.locations import (
    AzureStore,
    FolderStore,
    GcsStore,
    HubStore,
    S3Store,
    Store,
    UrlStore,
)
from tunesmith.storage.reach import refuse_own_network

_Text = Annotated[str, StringConstraints(max_length=2048, strip_whitespace=True)]
_LongText = Annotated[str, StringConstraints(max_length=16384, strip_whitespace=True)]
_Bucket = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]{1,254}$")]
_Account = Annotated[str, StringConstraints(pattern=r"^[a-z0-9]{3,24}$")]


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
        try:
            refuse_own_network(parts.hostname)
        except StorageError as error:
            raise ValueError(str(error).rstrip(".")) from None
        return url


class _Azure(_Details):
    account_name: _Account
    cloud_bucket_name: _Bucket
    access_key: _Text = ""
    cloud_region: _Text = ""

    def place(self, identity: UUID, service: str | None) -> Place:
        """The container on Azure, or on another blob service."""
        own = f"https://{self.account_name}.blob.{_azure_suffix(self.cloud_region)}"
        store = AzureStore(
            id=str(identity),
            account=self.account_name,
            container=self.cloud_bucket_name,
            region=self.cloud_region,
            endpoint_url=f"{service}/{self.account_name}" if service else own,
        )
        return Place(store, {"access_key": self.access_key})


class _Google(_Details):
    hint: ClassVar[str] = (
        " service_account_key is the JSON that Google made for a service account. With HMAC keys, create a "
        "self_hosted workspace with endpoint_url https://storage.googleapis.com."
    )

    cloud_bucket_name: _Bucket
    service_account_key: _LongText = ""
    cloud_region: _Text = ""

    @field_validator("service_account_key", mode="before")
    @classmethod
    def _as_text(cls, key: object) -> object:
        return json.dumps(key) if isinstance(key, dict) else key

    def place(self, identity: UUID, service: str | None) -> Place:
        """The bucket at Google, or on another service. A bucket's name alone tells where it is."""
        store = GcsStore(id=str(identity), bucket=self.cloud_bucket_name, endpoint_url=service)
        return Place(store, {"service_account_key": self.service_account_key})


class _HuggingFace(_Details):
    token: _Text = ""


def place_of(cloud_type: CloudType, details: dict[str, Any], identity: UUID, settings: Settings) -> Place:
    """The store that a workspace's details describe; a local folder is made where there is none.

    Raises:
        BadRequestError: with every key that is missing, unknown or wrong, or the rule that a path breaks.
    """
    match cloud_type:
        case CloudType.SELF_HOSTED if "path" in details:
            folder = allowed_folder(_read(_Folder, details).path, settings.roots)
            return Place(FolderStore(id=str(identity), path=folder), {})
        case CloudType.SELF_HOSTED:
            hosted = _read(_SelfHosted, details)
            return hosted.place(identity, hosted.endpoint_url)
        case CloudType.AWS:
            return _read(_Bucketed, details).place(identity, _amazon_endpoint())
        case CloudType.AZURE:
            return _read(_Azure, details).place(identity, settings.azure_endpoint)
        case CloudType.GCP:
            return _read(_Google, details).place(identity, settings.gcs_endpoint)
        case CloudType.HUGGINGFACE:
            token = _read(_HuggingFace, details).token
            hub = HubStore(id=str(identity), endpoint_url=settings.hub_url.rstrip("/"))
            return Place(hub, {"token": token})


def details_of(cloud_type: CloudType, store: Store, secrets: dict[str, str]) -> dict[str, Any]:
    """The details that describe a place, so that some of them can be changed."""
    match store:
        case FolderStore():
            return {"path": str(store.path)}
        case S3Store():
            found = {"cloud_bucket_name": store.bucket, "cloud_region": store.region, **secrets}
            hosted = cloud_type is CloudType.SELF_HOSTED and store.endpoint_url
            return found | ({"endpoint_url": store.endpoint_url} if hosted else {})
        case AzureStore():
            named = {"account_name": store.account, "cloud_bucket_name": store.container}
            return {**named, "cloud_region": store.region, **secrets}
        case GcsStore():
            return {"cloud_bucket_name": store.bucket, **secrets}
        case HubStore() | UrlStore():
            return dict(secrets)


def _azure_suffix(region: str) -> str:
    """Where the accounts of a region are found: China and the government of the US have clouds apart."""
    plain = region.lower().replace(" ", "")
    if plain.startswith("china"):
        return "core.chinacloudapi.cn"
    return "core.usgovcloudapi.net" if plain.startswith(("usgov", "usdod")) else "core.windows.net"


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
