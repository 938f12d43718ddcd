"""A real Ray cluster on loopback, whose nodes share no disk with the tests where that can be had."""

import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from itertools import count
from pathlib import Path

from tests.disks import may_mount

ROOT = Path(__file__).parent
# What tests run in the place of real actions is found by the nodes as by the tests.
_MODULES = (ROOT / "server" / "scheduling", ROOT / "workers", ROOT.parent / "src", ROOT.parent)
_PATIENCE = {"initial_delay_ms": 1000, "period_ms": 1000, "failure_threshold": 5}
_HEALTH = json.dumps({f"health_check_{name}": value for name, value in _PATIENCE.items()})
_MEMORY_BYTES = 8 << 30
_STORE_BYTES = 80 << 20
_SECONDS = 120


def until(condition: Callable[[], object], what: str, seconds: float = _SECONDS) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, what
        time.sleep(0.05)


class RayNode:
    """One `ray start`, in the place of a machine."""

    def __init__(self, cluster: "RayCluster", *options: str) -> None:
        self.log = cluster.folder / f"node-{time.monotonic_ns()}.log"
        command = [sys.executable, "-m", "ray.scripts.scripts", "start", "--block"]
        address = f"--node-ip-address=127.0.0.{next(cluster.numbers)}"
        command += [address, "--disable-usage-stats", *options]
        command.append(f"--object-store-memory={_STORE_BYTES}")
        if cluster.hidden:
            hide = 'mount -t tmpfs none "$0" && exec "$@"'
            command = ["unshare", "--mount", "sh", "-c", hide, str(cluster.hidden), *command]
        with self.log.open("wb") as log:
            self.process = subprocess.Popen(
                command, stdin=subprocess.DEVNULL, stdout=log, stderr=log, env=cluster.environment
            )

    @property
    def runs(self) -> bool:
        """Whether it has joined the cluster."""
        assert self.process.poll() is None, self.log.read_text()
        return "Ray runtime started" in self.log.read_text()

    def processes(self) -> list[int]:
        """All of it, but for workers of jobs: these are in sessions of their own."""
        return _family(self.process.pid)

    def kill(self) -> None:
        """End what Ray has there. Workers of jobs go on, as on a machine that is cut off."""
        for pid in self.processes():
            os.kill(pid, signal.SIGKILL)
        self.process.wait()

    def cut_power(self) -> None:
        """End all that runs there."""
        namespace = _disks_of(self.process.pid)
        there = (int(path.name) for path in Path("/proc").iterdir() if path.name.isdigit())
        alike = [pid for pid in there if _disks_of(pid) == namespace]
        for pid in alike if namespace != _disks_of(os.getpid()) else self.processes():
            os.kill(pid, signal.SIGKILL)
        self.process.wait()

    def stop(self) -> None:
        if self.process.poll() is not None:
            return
        family = self.processes()
        self.process.terminate()
        try:
            self.process.wait(20)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
        for pid in family:
            try:
                os.kill(pid, signal.SIGKILL)
            except ProcessLookupError:
                continue


class RayCluster:
    """A head that runs no jobs, and nodes that do.

    Attributes:
        address: for TUNESMITH_RAY_ADDRESS.
        hidden: the folder that each node sees empty and as its own; None where nothing can be mounted.
    """

    def __init__(self, hidden: Path) -> None:
        self.folder = Path(tempfile.mkdtemp(prefix="ray-", dir="/tmp"))
        self.hidden = hidden if may_mount() else None
        paths = [str(path) for path in _MODULES]
        self.environment = os.environ | {
            "RAY_GRACEFUL_SHUTDOWN_DRAIN_TIMEOUT_S": "0",
            "RAY_worker_niceness": "0",
            "PYTHONPATH": os.pathsep.join([*paths, *filter(None, [os.environ.get("PYTHONPATH")])]),
        }
        # Each node has an address of its own, as machines have. Ray would take another one for 127.0.0.1.
        self.numbers = count(2)
        with socket.create_server(("127.0.0.2", 0)) as free:
            self.address = f"127.0.0.2:{free.getsockname()[1]}"
        port = self.address.rpartition(":")[2]
        head = RayNode(
            self,
            "--head",
            f"--port={port}",
            f"--temp-dir={self.folder}",
            "--include-dashboard=false",
            "--num-cpus=0",
            "--num-gpus=0",
            f"--system-config={_HEALTH}",
        )
        self._all = [head]
        until(lambda: self._listens(head), f"Ray does not start: {head.log.read_text()}")

    def add(self, *options: str, cpus: int = 2) -> RayNode:
        """A further node that runs jobs, once it has joined."""
        size = (f"--num-cpus={cpus}", "--num-gpus=0", f"--memory={_MEMORY_BYTES}")
        node = RayNode(self, f"--address={self.address}", *size, *options)
        self._all.append(node)
        # One after the other: Ray's names for the sockets of nodes on one machine are not safe otherwise.
        until(lambda: node.runs, "the node joins")
        return node

    @property
    def head(self) -> RayNode:
        return self._all[0]

    @property
    def nodes(self) -> list[RayNode]:
        """Those that run jobs."""
        return [node for node in self._all[1:] if node.process.poll() is None]

    def stop(self) -> None:
        for node in reversed(self._all):
            node.stop()
        shutil.rmtree(self.folder, ignore_errors=True)

    def _listens(self, head: RayNode) -> bool:
        assert head.process.poll() is None, head.log.read_text()
        host, _, port = self.address.rpartition(":")
        with socket.socket() as probe:
            return probe.connect_ex((host, int(port))) == 0


def _disks_of(pid: int) -> str:
    """The mount namespace of a process; each hidden node has one."""
    try:
        return str(Path(f"/proc/{pid}/ns/mnt").readlink())
    except OSError:
        return ""


def _family(pid: int) -> list[int]:
    """A process and all that descend from it, youngest first."""
    children = [
        int(child)
        for tasks in Path(f"/proc/{pid}/task").glob("*/children")
        for child in tasks.read_text().split()
    ]
    return [one for child in children for one in _family(child)] + [pid]
