"""What the benchmarks share: figures, and a server of their own."""

import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from socket import AF_INET, SOCK_STREAM, socket

import httpx

from tunesmith.client import Client

ORG = "bench"


@dataclass(frozen=True)
class Figure:
    """One measured value, with the most or the least that it may be."""

    name: str
    value: float
    unit: str = ""
    limit: float | None = None
    least: float | None = None

    @property
    def limit_text(self) -> str:
        """The limit as shown."""
        if self.least is not None:
            return f"at least {self.least:g}"
        return "" if self.limit is None else f"at most {self.limit:g}"

    @property
    def missed(self) -> bool:
        """Whether the value is beyond its limit."""
        if self.least is not None:
            return self.value < self.least
        return self.limit is not None and self.value > self.limit


@dataclass(frozen=True)
class Server:
    """A server process that a benchmark started."""

    url: str
    data_dir: Path
    environment: dict[str, str]
    process: subprocess.Popen[bytes]
    seconds_to_healthy: float

    def new_key(self) -> str:
        """An API key."""
        command = [sys.executable, "-m", "tunesmith", "keys", "create", "--org", ORG, "--user", "bench"]
        made = subprocess.run(
            [*command, "--data-dir", str(self.data_dir)],
            check=True,
            capture_output=True,
            text=True,
            env=self.environment,
        )
        return made.stdout.split()[-1]

    def client(self) -> Client:
        """A client that logs in by itself."""
        return Client(self.url, org=ORG, api_key=self.new_key())


def threads() -> int:
    """The threads that a benchmark computes with: OMP_NUM_THREADS where it is set, else all there are.

    Threads that find no processor free wait for one another in loops, and all figures become those of that.
    """
    return int(os.environ.get("OMP_NUM_THREADS", "0")) or os.cpu_count() or 1


@contextmanager
def server(module: str = "tunesmith", **variables: str) -> Iterator[Server]:
    """A server on a free port with an empty data folder and these variables, ended with the block.

    `module` is what is run in the place of the `tunesmith` command.
    """
    with tempfile.TemporaryDirectory() as folder:
        port = _free_port()
        url = f"http://127.0.0.1:{port}"
        command = [sys.executable, "-m", module, "serve", "--data-dir", folder, "--port", str(port)]
        environment = os.environ | {"TUNESMITH_RATE_LIMIT": "off"} | variables
        begun = time.perf_counter()
        with (Path(folder) / "server.log").open("wb") as log:
            process = subprocess.Popen(command, stdout=log, stderr=log, env=environment)
        try:
            yield Server(url, Path(folder), environment, process, _seconds_to_healthy(url, begun))
        finally:
            process.terminate()
            process.wait()


def _seconds_to_healthy(url: str, begun: float) -> float:
    deadline = begun + 60
    while time.perf_counter() < deadline:
        try:
            if httpx.get(f"{url}/api/v1/health").status_code == httpx.codes.OK:
                return time.perf_counter() - begun
        except httpx.TransportError:
            time.sleep(0.005)
    raise RuntimeError(f"{url} did not become healthy within 60 s")


def _free_port() -> int:
    with socket(AF_INET, SOCK_STREAM) as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port
