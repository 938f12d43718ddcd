"""A real server process for tests, and people who are logged in to it."""

import os
import re
import shutil
import subprocess
import sys
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx

from tunesmith.server import commands

_LISTENS = re.compile(r"listens on (http://\S+)")
_OURS = re.compile("TUNESMITH_|AWS_")
_STOP_SECONDS = 30


@dataclass
class Account:
    """A user of an organisation, with a key and a client."""

    url: str
    org: str
    api_key: str
    client: httpx.Client = field(default_factory=lambda: httpx.Client(timeout=60), repr=False)
    token: str | None = field(default=None, repr=False)

    def login(self) -> str:
        """A fresh token."""
        body = {"ngc_key": self.api_key, "ngc_org_name": self.org, "enable_telemetry": True}
        reply = self.client.post(f"{self.url}/api/v1/login", json=body)
        assert reply.status_code == 200, reply.text
        self.token = reply.json()["token"]
        return self.token

    def api(self, method: str, path: str, **arguments: Any) -> httpx.Response:
        """A request below the organisation, e.g. api("GET", "/workspaces"), as httpx takes it."""
        token = self.token or self.login()
        headers = {"Authorization": f"Bearer {token}"} | arguments.pop("headers", {})
        target = f"{self.url}/api/v1/orgs/{self.org}{path}"
        return self.client.request(method, target, headers=headers, **arguments)

    def local_workspace(self, folder: Path, **fields: Any) -> str:
        """The id of a new workspace in a folder."""
        body = {"cloud_type": "self_hosted", "cloud_specific_details": {"path": str(folder)}} | fields
        reply = self.api("POST", "/workspaces", json=body)
        assert reply.status_code == 200, reply.text
        identity: str = reply.json()["id"]
        return identity


class Installation:
    """Folders and settings of a server, and the process that runs on them."""

    url: str
    process: "subprocess.Popen[str]"

    def __init__(self, folder: Path, **environment: str) -> None:
        self.data_dir = folder / "data"
        self.root = folder / "workspaces"
        self.root.mkdir(parents=True, exist_ok=True)
        self.log = folder / "server.log"
        self.environment = {name: value for name, value in os.environ.items() if not _OURS.match(name)} | {
            "HOME": str(folder),
            "TUNESMITH_DATA_DIR": str(self.data_dir),
            "TUNESMITH_WORKSPACE_ROOTS": str(self.root),
            "TUNESMITH_RATE_LIMIT": "off",
            **environment,
        }

    def start(self, port: int = 0) -> str:
        """Start the process and wait until it listens; what it says then."""
        with self.log.open("ab") as log:
            self.process = subprocess.Popen(
                self.command("serve", "--port", str(port)),
                env=self.environment,
                stdout=subprocess.PIPE,
                stderr=log,
                text=True,
            )
        assert self.process.stdout is not None
        greeting = self.process.stdout.readline()
        found = _LISTENS.search(greeting)
        assert found, f"{greeting}\n{self.log.read_text()}"
        self.url = found[1]
        for line in self.process.stdout:
            greeting += line
            if "Ctrl-C" in line:
                break
        return greeting

    def stop(self) -> int:
        """Stop the process as an operator does; its exit code."""
        self.process.terminate()
        try:
            return self.process.wait(_STOP_SECONDS)
        except subprocess.TimeoutExpired:
            self.process.kill()
            raise

    def command(self, *words: str) -> list[str]:
        """The command line of the `tunesmith` command."""
        return [sys.executable, "-m", "tunesmith", *words]

    def run(self, *words: str, **environment: str) -> "subprocess.CompletedProcess[str]":
        """Run a command of the server's machine to its end."""
        return subprocess.run(
            self.command(*words),
            env=self.environment | environment,
            capture_output=True,
            text=True,
            check=False,
            timeout=_STOP_SECONDS,
        )

    def create_key(self, org: str, user: str) -> str:
        """A new API key."""
        url = self.environment.get("TUNESMITH_DATABASE_URL")
        return commands.keys_create(org, user, self.data_dir, url)


class Server(Installation, Account):
    """`tunesmith serve` on a free port, with folders of its own, and its first user."""

    def __init__(self, folder: Path, **environment: str) -> None:
        Installation.__init__(self, folder, **environment)
        self.start()
        Account.__init__(self, self.url, "acme", self.create_key("acme", "ada"))

    def account(self, org: str, user: str) -> Account:
        """Somebody else, with a new key."""
        return Account(self.url, org, self.create_key(org, user))

    def folder(self, name: str) -> Path:
        """A new, empty folder in which a workspace may be."""
        made = self.root / name
        shutil.rmtree(made, ignore_errors=True)
        made.mkdir(parents=True)
        return made
