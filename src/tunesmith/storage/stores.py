"""Opens folders and buckets. Nothing is taken from the environment, only what is passed."""

from __future__ import annotations

import json
import os
from base64 import b64decode
from collections.abc import Mapping
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

from obstore.store import AzureStore, GCSStore, LocalStore, S3Store

if TYPE_CHECKING:
    from obstore.store import AzureCredential, ClientConfig, GCSCredential, RetryConfig, S3Credential

from tunesmith.storage import locations
from tunesmith.storage.errors import StorageError
from tunesmith.storage.patience import Patience

AnyStore = LocalStore | S3Store | AzureStore | GCSStore
ObjectLocation = locations.FolderStore | locations.S3Store | locations.AzureStore | locations.GcsStore

# obstore would mix these with what is passed, and has no way to say no; nobody else reads them.
for _name in ("SERVICE_ACCOUNT", "SERVICE_ACCOUNT_PATH", "SERVICE_ACCOUNT_KEY", "BEARER_TOKEN"):
    os.environ.pop(f"GOOGLE_{_name}", None)

_GOOGLE = "https://storage.googleapis.com"
_GOOGLE_KEY = ("client_email", "private_key", "private_key_id")


def describe(store: locations.Store) -> str:
    """The store as a message names it."""
    match store:
        case locations.FolderStore():
            return f"folder {store.path}"
        case locations.S3Store():
            where = f" at {store.endpoint_url}" if store.endpoint_url else f" in {store.region}"
            return f"bucket {store.bucket}{where}"
        case locations.AzureStore():
            return f"container {store.container} at {store.endpoint_url}"
        case locations.GcsStore():
            return f"bucket {store.bucket} at {store.endpoint_url or _GOOGLE}"
        case locations.HubStore():
            return f"hub {store.endpoint_url}"
        case locations.UrlStore():
            return f"address {store.url}"


def open_store(store: ObjectLocation, secrets: Mapping[str, str], patience: Patience) -> AnyStore:
    """A client for the store; it does not connect yet.

    Raises:
        StorageError: the folder does not exist, or the keys given cannot be keys of that kind of store.
    """
    match store:
        case locations.FolderStore():
            return LocalStore(prefix=existing(store).resolve(), automatic_cleanup=True)
        case locations.S3Store():
            return _open_s3(store, secrets, patience)
        case locations.AzureStore():
            return _open_azure(store, secrets, patience)
        case locations.GcsStore():
            return _open_gcs(store, secrets, patience)


def existing(store: locations.FolderStore) -> Path:
    """The folder.

    Raises:
        StorageError: it does not exist.
    """
    if not store.path.is_dir():
        raise StorageError(
            f"The {describe(store)} does not exist; create it or correct the workspace's path."
        )
    return store.path


def _open_s3(store: locations.S3Store, secrets: Mapping[str, str], patience: Patience) -> S3Store:
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


def _open_azure(store: locations.AzureStore, secrets: Mapping[str, str], patience: Patience) -> AzureStore:
    access_key = secrets.get("access_key", "")
    if access_key and not _is_base64(access_key):
        raise StorageError(
            f"The access_key of the {describe(store)} is not one: copy a whole key of the storage account."
        )

    # As above, for AZURE_* variables.
    def credentials() -> AzureCredential:
        return {"access_key": access_key, "expires_at": None}

    return AzureStore(
        store.container,
        account_name=store.account,
        endpoint=store.endpoint_url.rstrip("/"),
        use_emulator=False,
        use_fabric_endpoint=False,
        skip_signature=not access_key,
        credential_provider=credentials,
        client_options=_client_options(store.endpoint_url, patience),
        retry_config=_retry_config(patience),
    )


def _open_gcs(store: locations.GcsStore, secrets: Mapping[str, str], patience: Patience) -> GCSStore:
    endpoint = (store.endpoint_url or _GOOGLE).rstrip("/")
    key = secrets.get("service_account_key", "")
    signed: dict[str, Any]
    if key and endpoint.startswith("https://"):
        signed = {"service_account_key": _google_key(key, endpoint, store), "skip_signature": False}
    else:
        # Without a provider, writing would ask this machine's own metadata service for a token.
        def credentials() -> GCSCredential:
            return {"token": "anonymous", "expires_at": None}

        signed = {"credential_provider": credentials, "skip_signature": True}
    return GCSStore(
        store.bucket,
        base_url=endpoint,
        client_options=_client_options(endpoint, patience),
        retry_config=_retry_config(patience),
        **signed,
    )


def _google_key(text: str, endpoint: str, store: locations.GcsStore) -> str:
    """The parts of a service account's key that sign; others could lead the key to another server."""
    try:
        key = json.loads(text)
        kept = {name: str(key[name]) for name in _GOOGLE_KEY}
    except (ValueError, KeyError, TypeError):
        raise StorageError(
            f"The service_account_key of the {describe(store)} is not one: give the whole JSON file that "
            "Google made for the service account."
        ) from None
    return json.dumps({"type": "service_account", "gcs_base_url": endpoint, **kept})


def _is_base64(text: str) -> bool:
    try:
        return bool(b64decode(text, validate=True))
    except ValueError:
        return False


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
