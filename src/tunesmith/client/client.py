"""The way in: one object for one server and organisation."""

from importlib.metadata import version as installed_version
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from tunesmith.client.archive import unpack_flat
from tunesmith.client.datasets import Datasets
from tunesmith.client.errors import APIError, ConfigError
from tunesmith.client.experiments import Experiments
from tunesmith.client.jobs import Jobs
from tunesmith.client.models import Login
from tunesmith.client.session import API, Session
from tunesmith.client.transport import RetryPolicy, Transport
from tunesmith.client.workspaces import Workspaces


class Client:
    """A tunesmith server as one caller of one organisation sees it.

    >>> with Client("http://127.0.0.1:8000", org="acme", api_key=key) as client:
    ...     job = client.jobs.create(experiment_id, "train", specs)
    ...     client.jobs.wait(job)

    With an API key it logs in by itself when needed, and again when the token expires; with a token it
    uses that. `timeout` is in seconds for each step of a request (connect, send, receive).

    Raises:
        ConfigError: the URL is none that HTTP can reach.
    """

    def __init__(
        self,
        url: str,
        org: str,
        *,
        token: str | None = None,
        api_key: str | None = None,
        timeout: float = 30.0,
        retry: RetryPolicy | None = None,
    ) -> None:
        agent = f"tunesmith-client/{installed_version('tunesmith')}"
        self._transport = Transport(
            _checked(url), token=token, timeout=timeout, retry=retry, user_agent=agent
        )
        self._session = Session(self._transport, org, api_key)
        self.workspaces = Workspaces(self._session)
        self.datasets = Datasets(self._session)
        self.experiments = Experiments(self._session)
        self.jobs = Jobs(self._session)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Give the connections back."""
        self._transport.close()

    def login(self, api_key: str) -> Login:
        """Trade an API key for a token, which later calls carry.

        Raises:
            UnauthorizedError: the key is wrong, or belongs to another organisation.
        """
        return self._session.login(api_key)

    def gpu_types(self) -> dict[str, Any]:
        """The kinds of GPU that jobs can run on, by platform id; empty on a machine without."""
        types: dict[str, Any] = self._session.call("GET", self._session.path(verb="gpu_types"))
        return types

    def health(self) -> bool:
        """Whether the server says that it is well."""
        try:
            self._transport.json("GET", f"{API}/health")
        except APIError:
            return False
        return True

    def metrics(self) -> str:
        """What the server has measured of itself, as text in the form of Prometheus."""
        return self._session.text(f"{API}/metrics")

    def notebooks(self, target: Path) -> list[Path]:
        """Fetch the server's example notebooks into the folder `target`. Returns what was written.

        Raises:
            UnsafeArchiveError: the archive is damaged.
        """
        with self._transport.stream("/tao_api_notebooks.zip") as chunks:
            return unpack_flat(chunks, target)

    def version(self) -> dict[str, Any]:
        """The server's version."""
        found: dict[str, Any] = self._transport.json("GET", "/version")
        return found


def _checked(url: str) -> str:
    if not url.startswith(("http://", "https://")):
        raise ConfigError(f"{url!r} is not the URL of a server.", "Write it as http://HOST:PORT.")
    return url
