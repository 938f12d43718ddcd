"""Reports of actions, on the wire."""

from typing import Annotated

from pydantic import Field, FiniteFloat, StringConstraints

from tunesmith.server.kit.wire import Body, Moment, Reply

Word = Annotated[str, StringConstraints(max_length=100)]


class TelemetryReq(Body):
    """One action that ran: of which version and network, on which GPUs, for how many seconds."""

    version: Word = ""
    network: Word = ""
    action: Word = ""
    success: bool = False
    gpu: tuple[Word, ...] = Field((), max_length=64)
    time_lapsed: Annotated[FiniteFloat, Field(ge=0, le=1e9)] = 0.0


class ActionCount(Reply):
    """Actions that are alike, and how many seconds they took together."""

    version: str
    network: str
    action: str
    gpu: list[str]
    success: bool
    count: int
    time_lapsed: float


class TelemetryRsp(Reply):
    """Everything that was reported to this server."""

    last_updated: Moment | None
    total: int
    failed: int
    time_lapsed: float
    actions: list[ActionCount]
