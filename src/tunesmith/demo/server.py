"""A server of its own for the demo: started through the command line, stopped whatever happens."""

import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path

from tunesmith.demo.errors import DemoError

START_SECONDS = 60.0
STOP_SECONDS = 30.0
_LISTENS = re.compile(r"listens on (http://\S+)")


class DemoServer:
    """A running server process.

    Attributes:
        url: where it answers.
        log: the file that it logs to.
    """

    def __init__(self, data_dir: Path, workspace_root: Path, log: Path) -> None:
        self.url = ""
        self.log = log
        self._data_dir = data_dir
        self._environment = _environment(workspace_root)
        command = _command("serve", "--data-dir", str(data_dir), "--host", "127.0.0.1", "--port", "0")
        with log.open("wb") as file:
            # A session of its own: Ctrl-C reaches the demo alone, which then stops the server in order.
            self._process = subprocess.Popen(  # noqa: S603 - our own command
                command, stdout=file, stderr=subprocess.STDOUT, env=self._environment, start_new_session=True
            )

    def wait_until_listening(self) -> None:
        """Return once the server has said where it listens.

        Raises:
            DemoError: it ended, or says nothing in time.
        """
        deadline = time.monotonic() + START_SECONDS
        while not (found := _LISTENS.search(self.log.read_text(errors="replace"))):
            if self._process.poll() is not None:
                raise DemoError(f"The server ended at once with code {self._process.returncode}.")
            if time.monotonic() > deadline:
                raise DemoError(f"The server does not listen after {START_SECONDS:g} seconds.")
            time.sleep(0.05)
        self.url = found[1]

    def create_key(self, org: str, user: str) -> str:
        """An API key, made the way an operator makes one.

        Raises:
            DemoError: the command failed.
        """
        command = _command("keys", "create", "--org", org, "--user", user, "--data-dir", str(self._data_dir))
        ended = subprocess.run(  # noqa: S603 - our own command
            command, capture_output=True, text=True, env=self._environment, check=False
        )
        if ended.returncode:
            raise DemoError(f"`tunesmith keys create` failed: {ended.stderr.strip()}")
        return ended.stdout.strip()

    def stop(self) -> None:
        """End the server and everything that it started."""
        self._process.terminate()
        with suppress(subprocess.TimeoutExpired):
            self._process.wait(STOP_SECONDS)
        with suppress(ProcessLookupError):
            os.killpg(self._process.pid, signal.SIGKILL)
        self._process.wait()


@contextmanager
def running_server(data_dir: Path, workspace_root: Path, log: Path) -> Iterator[DemoServer]:
    """A server that answers; it is gone when the block is left."""
    server = DemoServer(data_dir, workspace_root, log)
    try:
        server.wait_until_listening()
        yield server
    finally:
        with _undisturbed():
            server.stop()


@contextmanager
def _undisturbed() -> Iterator[None]:
    """A second Ctrl-C must not leave half of the processes behind."""
    before = {one: signal.signal(one, signal.SIG_IGN) for one in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield
    finally:
        for one, handler in before.items():
            signal.signal(one, handler)


def _command(*words: str) -> list[str]:
    return [sys.executable, "-m", "tunesmith", *words]


def _environment(workspace_root: Path) -> Mapping[str, str]:
    """The environment without the user's own settings of a server, which the demo must not touch."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith("TUNESMITH_")}
    return kept | {"TUNESMITH_WORKSPACE_ROOTS": str(workspace_root), "TUNESMITH_STOP_GRACE": "2"}
