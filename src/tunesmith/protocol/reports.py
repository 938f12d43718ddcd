"""What a node of a cluster tells the server of a job: the events and the log that a worker wrote there.

A node has a job folder of its own, which is empty when an attempt begins. What its worker appends to the
events and to the log goes to the server piece by piece (POST of a `Report`), and the server appends it to its
own job folder. Offsets are bytes of the node's two files. A piece may come twice, or overlap one that came
before; it is taken once. So whoever sends need not know what became of a request that was not answered.
"""

from base64 import b64decode, b64encode
from typing import Annotated

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, PlainSerializer, WithJsonSchema

MOST_EVENTS_BYTES = 5 << 20
"""Bytes of events in one report."""
MOST_LOG_BYTES = 1 << 20
"""Bytes of log in one report."""
_MOST_OFFSET = (1 << 53) - 1


def _decoded(value: object) -> object:
    return b64decode(value, validate=True) if isinstance(value, str) else value


def _encoded(value: bytes) -> str:
    return b64encode(value).decode("ascii")


Raw = Annotated[
    bytes,
    BeforeValidator(_decoded),
    PlainSerializer(_encoded, return_type=str, when_used="json"),
    WithJsonSchema({"type": "string", "contentEncoding": "base64"}),
]
"""Any bytes; in JSON as Base64."""
Offset = Annotated[int, Field(ge=0, le=_MOST_OFFSET)]
"""Bytes from the beginning of a file of the node."""


class Report(BaseModel):
    """A piece of what the worker of one attempt wrote.

    Attributes:
        attempt: the attempt that reports, as its request says.
        events_offset: where `events` begin in the node's events file.
        events: whole lines, each an event or blank, at most MOST_EVENTS_BYTES.
        log_offset: where `log` begins in the node's log.
        log: any bytes, at most MOST_LOG_BYTES.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    attempt: int = Field(ge=1, le=(1 << 31) - 1)
    events_offset: Offset = 0
    events: Raw = b""
    log_offset: Offset = 0
    log: Raw = b""


class Receipt(BaseModel):
    """The reply to a report.

    Attributes:
        events_offset: how far the server has the node's events file.
        log_offset: how far it has the node's log.
        held: whether the server that answers runs the job, by this attempt. If not, its worker is to end.
        token: the token for the next report.
    """

    model_config = ConfigDict(frozen=True)

    events_offset: int
    log_offset: int
    held: bool
    token: str


class Gap(BaseModel):
    """The reply (409) to a report that begins behind what the server has: where the next one is to begin."""

    model_config = ConfigDict(frozen=True)

    events_offset: int
    log_offset: int
