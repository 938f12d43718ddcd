"""Reads server-sent events."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass


@dataclass(frozen=True)
class ServerEvent:
    """One event. `id` is where the stream goes on after it, empty if it does not say."""

    name: str
    id: str
    data: str


def server_events(chunks: Iterable[bytes]) -> Iterator[ServerEvent]:
    """The events in a stream of bytes; what comes after the last whole one is left out."""
    fields: dict[str, list[str]] = {}
    for line in _lines(chunks):
        if not line:
            if "data" in fields:
                name, identity = (fields.get(field, [""])[-1] for field in ("event", "id"))
                yield ServerEvent(name, identity, "\n".join(fields["data"]))
            fields = {}
        elif not line.startswith(":"):
            field, _, value = line.partition(":")
            fields.setdefault(field, []).append(value.removeprefix(" "))


def _lines(chunks: Iterable[bytes]) -> Iterator[str]:
    torn = b""
    for chunk in chunks:
        *lines, torn = (torn + chunk).split(b"\n")
        for line in lines:
            yield line.removesuffix(b"\r").decode("utf-8", errors="replace")
