"""Runs the application: one server for each data folder."""

import shlex
import signal
import socket
import sys

import uvicorn
from fastapi import FastAPI

import tunesmith
from tunesmith.server.app import create_app
from tunesmith.server.auth.repository import any_key
from tunesmith.server.jobs.followers import Followers
from tunesmith.server.kit.logs import configure_logs
from tunesmith.server.kit.settings import EVERYWHERE, Settings
from tunesmith.server.opening import claimed, listening, open_database
from tunesmith.server.scheduling.executors.choice import check_ground

_GRACE_SECONDS = 5
"""How long replies that are being sent may take once the server is told to stop."""


def run(settings: Settings) -> None:
    """Serve until SIGINT or SIGTERM.

    Raises:
        StartError: another server has the data folder or the port, or jobs cannot run where they are to.
        UnknownRevisionError: a newer tunesmith has made the database.
    """
    configure_logs(settings)
    with claimed(settings.data_dir), listening(settings.host, settings.port) as listener:
        settings = settings.model_copy(update={"port": listener.getsockname()[1]})
        check_ground(settings)
        greeting = _greeting(settings, _has_keys(settings))
        app = create_app(settings)
        config = uvicorn.Config(
            app,
            log_config=None,
            access_log=False,
            server_header=False,
            timeout_graceful_shutdown=_GRACE_SECONDS,
        )
        # uvicorn raises a signal again once it has stopped for it; by then all has ended well.
        for one in (signal.SIGINT, signal.SIGTERM):
            signal.signal(one, lambda *_: None)
        _Server(app, config, greeting).run(sockets=[listener])


class _Server(uvicorn.Server):
    """Says where it listens, and when it does. Those who follow a log must not delay its end."""

    def __init__(self, app: FastAPI, config: uvicorn.Config, greeting: str) -> None:
        super().__init__(config)
        self._app = app
        self._greeting = greeting

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        sys.stdout.write(self._greeting)
        sys.stdout.flush()

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        followers: Followers = self._app.state.followers
        followers.close()
        await super().shutdown(sockets)


def _has_keys(settings: Settings) -> bool:
    database = open_database(settings)
    with database.read() as session:
        found = any_key(session)
    database.dispose()
    return found


def _greeting(settings: Settings, has_keys: bool) -> str:
    host = EVERYWHERE.get(settings.host, settings.host)
    url = f"http://{host}:{settings.port}"
    org = "ORG" if has_keys else "my-org"
    lines = [f"tunesmith {tunesmith.__version__} listens on {url} (API reference: {url}/swagger)"]
    if not has_keys:
        place = shlex.quote(str(settings.data_dir))
        note = " (with the same TUNESMITH_DATABASE_URL)" if settings.database_url else ""
        lines.append(
            f"  First make a key:  tunesmith keys create --org {org} --user me --data-dir {place}{note}"
        )
    lines.append(f"  Log in with a key: tunesmith login --url {url} --org {org}")
    lines.append("  Stop with Ctrl-C: running jobs continue at the next start.")
    return "\n".join(lines) + "\n"
