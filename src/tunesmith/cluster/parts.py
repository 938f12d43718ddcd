"""What the nodes of a cluster are told of an attempt to run a job, and what they tell of it."""

from uuid import UUID

from pydantic import BaseModel, ConfigDict

from tunesmith.protocol import JobRequest, Launch
from tunesmith.workers.machine import Node


class _Message(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class Key(_Message):
    """Names one attempt to run a job."""

    job_id: UUID
    attempt: int

    def __str__(self) -> str:
        return f"{self.job_id}/{self.attempt}"


class Part(_Message):
    """The part of one node in an attempt.

    Attributes:
        request: with this node's place among those of the attempt, as the server wrote it otherwise.
        launch: for the worker; its folder is that of the server.
        report_url: where what the worker reports goes.
        group: the name of the placement group that holds the attempt's resources.
    """

    request: JobRequest
    launch: Launch
    report_url: str
    group: str

    @property
    def key(self) -> Key:
        """The attempt."""
        return Key(job_id=self.request.job_id, attempt=self.request.attempt)

    @property
    def leads(self) -> bool:
        """Whether this node's worker speaks for the job."""
        return self.request.resources.node == 0


class Held(_Message):
    """A part that a node has: its place, and how many nodes there are in all."""

    key: Key
    node: int
    nodes: int
    group: str


class Ending(_Message):
    """How the worker of a part ended, in words. `well`: by itself, as it was meant to."""

    words: str
    well: bool


class Hello(_Message):
    """A node that can run jobs, and the time on its clock (see `protocol.lease.clock`)."""

    clock: float
    node: Node
    version: str
