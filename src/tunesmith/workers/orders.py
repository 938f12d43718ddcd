"""What a server and its broker say to each other: the broker runs jobs on a cluster for it.

They talk in lines over a Unix socket, as with a fork server (`protocol.channel`). A server connects, hears
`ready`, and begins with one of

    watch               tell of the cluster, now and whenever it changes
    launch STAMP JSON   run a job: an `Order`
    adopt STAMP JSON    go on with a job that runs already: an `Adoption`

In the latter two cases it tells the job's workers

    keep STAMP          the server still holds the job
    stop                end: finish the step, write a checkpoint, report
    kill                end now, with all processes

and hears

    cluster JSON        what there is: a `Cluster`
    begun               there is a worker, or one on each of several nodes
    waits WHY           there is none: no room within the time, or no cluster
    failed JSON         there is none, and the job cannot run: a `Failed`
    gone WHY            the worker is gone, or none could be started

What a worker reports takes another way: see `protocol.reports`.
"""

from pathlib import Path
from uuid import UUID

from pydantic import BaseModel, ConfigDict

from tunesmith.protocol import Launch
from tunesmith.workers.machine import Node


class _Message(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class BrokerSettings(_Message):
    """What a broker is started with.

    Attributes:
        server: the id of the server that it works for.
        address: of the cluster; empty for one on this machine, which is started if there is none.
        run_dir: where it notes how to find a cluster that it has started.
        node_dir: the folder of each node for job folders and copies of datasets; None for its temporary one.
        modules: what the warm processes of the nodes import.
        cpus: of a cluster that it starts; None for what the machine has.
        memory_mb: of a cluster that it starts, for jobs; None for what Ray finds fit.
    """

    server: str
    address: str = ""
    run_dir: Path
    node_dir: Path | None = None
    modules: tuple[str, ...]
    cpus: int | None = None
    memory_mb: int | None = None


class Adoption(_Message):
    """A job that runs already, with the way to this server."""

    job_id: UUID
    report_url: str
    token: str
    lease_seconds: float


class Order(_Message):
    """A job to be run, and what it takes.

    Attributes:
        launch: for its worker; the folder is the server's, with the request in it.
        report_url: where what it reports goes.
        cpus: processors on each node.
        gpus: GPUs on each node.
        memory_mb: main memory on each node, in MiB.
        platform: the kind of GPU or processor that each node must have, if it is to be a certain one.
        patience: how long it may take to find room, in seconds.
    """

    launch: Launch
    report_url: str
    cpus: int
    gpus: int = 0
    memory_mb: int = 0
    platform: UUID | None = None
    patience: float


class Cluster(_Message):
    """The nodes that can run jobs, and why there may be none."""

    nodes: tuple[Node, ...] = ()
    trouble: str = ""
