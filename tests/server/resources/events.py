"""Reads server-sent events, from a real HTTP server that answers for a house."""

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import httpx
import uvicorn
from fastapi import FastAPI
from tests.server.resources.house import Person
from tests.server.resources.running import Running

from tunesmith.server.opening import listening


@dataclass
class Event:
    """One event. `lines` are those of its data."""

    name: str
    id: str
    lines: list[str]


class Stream:
    """The events of one reply, as they come."""

    def __init__(self, response: httpx.Response) -> None:
        self.response = response
        self.comments = 0
        self._events = self._read()

    def _read(self) -> Iterator[Event]:
        fields: dict[str, list[str]] = {}
        for line in self.response.iter_lines():
            if line.startswith(":"):
                self.comments += 1
            elif line:
                name, _, value = line.partition(": ")
                fields.setdefault(name, []).append(value)
            elif fields:
                if fields.keys() != {"retry"}:
                    names, numbers = fields.get("event", [""]), fields.get("id", [""])
                    yield Event(names[-1], numbers[-1], fields.get("data", []))
                fields = {}

    def next(self) -> Event:
        return next(self._events)

    def rest(self) -> list[Event]:
        return list(self._events)

    def lines(self, number: int) -> list[str]:
        """The next so many lines of the log."""
        found: list[str] = []
        while len(found) < number:
            event = self.next()
            found += event.lines if not event.name else []
        return found


class Web:
    """A real HTTP server of an application, in a thread of this process."""

    def __init__(self, app: FastAPI) -> None:
        self.app = app
        config = uvicorn.Config(app, lifespan="off", log_config=None)
        self._server = uvicorn.Server(config)
        self._listening = listening("127.0.0.1", 0)

    def __enter__(self) -> "Web":
        socket = self._listening.__enter__()
        self.url = f"http://127.0.0.1:{socket.getsockname()[1]}"
        self._thread = threading.Thread(target=lambda: self._server.run(sockets=[socket]))
        self._thread.start()
        while not self._server.started:
            time.sleep(0.01)
        return self

    def __exit__(self, *_: object) -> None:
        self.app.state.followers.close()
        self._server.should_exit = True
        self._thread.join()
        self._listening.__exit__(None, None, None)

    @contextmanager
    def follow(self, running: Running, reader: Person | None = None, **headers: str) -> Iterator[Stream]:
        """The events of a job's log."""
        reader = reader or running.lab.ada
        url = f"{self.url}/api/v1/orgs/{reader.org}/{running.lab.path}/jobs/{running.id}/logs"
        headers = {
            "Authorization": f"Bearer {reader.token}",
            "Accept": "text/event-stream",
            **{name.replace("_", "-"): value for name, value in headers.items()},
        }
        with httpx.stream("GET", url, headers=headers, timeout=30) as response:
            yield Stream(response)

    def get(self, path: str) -> Any:
        return httpx.get(f"{self.url}{path}", timeout=30)
