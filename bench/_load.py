"""A load client in a process of its own: reads a plan from its input, writes what it measured.

The plan is a list of `Load` as JSON; the result gives for each the latencies in seconds and how long it
took in all. It speaks HTTP through the standard library, which takes a tenth of a millisecond a request.
"""

import json
import sys
import threading
import time
from dataclasses import asdict, dataclass
from http import HTTPStatus
from http.client import HTTPConnection, HTTPException
from urllib.parse import urlsplit


@dataclass(frozen=True)
class Load:
    """One request, many times, over some connections that are kept open."""

    url: str
    token: str
    method: str
    path: str
    body: str | None
    requests: int
    connections: int = 1
    warm_up: bool = True


@dataclass(frozen=True)
class Outcome:
    """Latencies in seconds, in no order, and seconds in all."""

    latencies: list[float]
    seconds: float


def run(load: Load) -> Outcome:
    """Send a tenth of the requests to warm up, then all of them, measured.

    Raises:
        RuntimeError: the server refused one.
    """
    if load.warm_up:
        _send(load, load.requests // 10)
    begun = time.perf_counter()
    latencies = _send(load, load.requests)
    return Outcome(latencies, time.perf_counter() - begun)


def _send(load: Load, requests: int) -> list[float]:
    latencies: list[float] = []
    failures: list[Exception] = []
    turns = iter(range(requests))

    def work() -> None:
        connection = HTTPConnection(urlsplit(load.url).netloc)
        try:
            while not failures and next(turns, None) is not None:
                latencies.append(_ask(connection, load))
        except (OSError, HTTPException, RuntimeError) as failure:
            failures.append(failure)
        finally:
            connection.close()

    threads = [threading.Thread(target=work) for _ in range(load.connections)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    if failures:
        raise failures[0]
    return latencies


def _ask(connection: HTTPConnection, load: Load) -> float:
    begun = time.perf_counter()
    connection.request(load.method, load.path, load.body, {"Authorization": f"Bearer {load.token}"})
    reply = connection.getresponse()
    text = reply.read()
    seconds = time.perf_counter() - begun
    if reply.status != HTTPStatus.OK:
        raise RuntimeError(f"{load.method} {load.path}: {reply.status} {text[:300]!r}")
    return seconds


if __name__ == "__main__":
    json.dump([asdict(run(Load(**one))) for one in json.load(sys.stdin)], sys.stdout)
