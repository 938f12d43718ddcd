"""Opens the stores that locations name. Nothing is taken from the environment, only what is passed."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING

from obstore.store import LocalStore, S3Store

if TYPE_CHECKING:
    from obstore.store import ClientConfig, RetryConfig, S3Credential

from tunesmith.storage import locations
from tunesmith.storage.errors import StorageError

AnyStore = LocalStore | S3Store


@dataclass(frozen=True)
class Patience:
    """How long a store may stay silent before it counts as gone.

    Attributes:
        connect: seconds for a connection.
        read: seconds without a byte while an answer is awaited.
        retries: further attempts after a failure that may pass.
        total: seconds after which no attempt is begun.
    """

    connect: float
    read: float
    retries: int
    total: float


PATIENT = Patience(connect=5, read=20, retries=20, total=50)
"""For jobs: a store that is gone is reported in about a minute."""

BRIEF = Patience(connect=2, read=3, retries=1, total=3)
"""For probes: a person waits for the answer."""


def describe(store: locations.Store) -> str:
    """The store as a message names it."""
    match store:
        case locations.FolderStore():
            return f"folder {store.path}"
        case locations.S3Store():
            where = f" at {store.endpoint_url}" if store.endpoint_url else f" in {store.region}"
            return f"bucket {store.bucket}{where}"


def open_store(store: locations.Store, secrets: Mapping[str, str], patience: Patience = PATIENT) -> AnyStore:
    """A client for the store; it does not connect yet.

    Raises:
        StorageError: the folder does not exist, or only one of a bucket's two keys is given.
    """
    match store:
        case locations.FolderStore():
            return _open_folder(store)
        case locations.S3Store():
            return _open_bucket(store, secrets, patience)


def _open_folder(store: locations.FolderStore) -> LocalStore:
    if not store.path.is_dir():
        raise StorageError(
            f"The {describe(store)} does not exist; create it or correct the workspace's path."
        )
    return LocalStore(prefix=store.path.resolve(), automatic_cleanup=True)


def _open_bucket(store: locations.S3Store, secrets: Mapping[str, str], patience: Patience) -> S3Store:
    access_key, secret_key = secrets.get("access_key", ""), secrets.get("secret_key", "")
    if bool(access_key) != bool(secret_key):
        missing = "secret_key" if access_key else "access_key"
        raise StorageError(f"The {describe(store)} needs both access_key and secret_key; add {missing}.")

    # A provider keeps AWS_* variables of the process out, which obstore would otherwise mix in.
    def credentials() -> S3Credential:
        return {"access_key_id": access_key, "secret_access_key": secret_key, "expires_at": None}

    endpoint = store.endpoint_url or _amazon(store.region)
    return S3Store(
        store.bucket,
        endpoint=endpoint.rstrip("/"),
        region=store.region,
        virtual_hosted_style_request=False,
        skip_signature=not access_key,
        credential_provider=credentials,
        client_options=_client_options(endpoint, patience),
        retry_config=_retry_config(patience),
    )


def _amazon(region: str) -> str:
    suffix = ".cn" if region.startswith("cn-") else ""
    return f"https://s3.{region}.amazonaws.com{suffix}"


def _client_options(endpoint: str, patience: Patience) -> ClientConfig:
    return {
        "allow_http": endpoint.startswith("http://"),
        "connect_timeout": timedelta(seconds=patience.connect),
        "read_timeout": timedelta(seconds=patience.read),
        # The whole of a large download may take long: only silence is bounded.
        "timeout": timedelta(days=1),
    }


def _retry_config(patience: Patience) -> RetryConfig:
    return {
        "max_retries": patience.retries,
        "retry_timeout": timedelta(seconds=patience.total),
        "backoff": {
            "init_backoff": timedelta(milliseconds=200),
            "max_backoff": timedelta(seconds=8),
            "base": 3,
        },
    }
