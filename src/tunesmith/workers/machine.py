"""What this machine has to compute with, told without torch."""

import os
import platform
import shutil
import subprocess
from functools import cache
from pathlib import Path
from uuid import NAMESPACE_URL, UUID, uuid5

from pydantic import BaseModel, ConfigDict

_QUERY = ("--query-gpu=name", "--format=csv,noheader")
_QUERY_SECONDS = 5
_CGROUP_LIMITS = (
    Path("/sys/fs/cgroup/memory.max"),
    Path("/sys/fs/cgroup/memory/memory.limit_in_bytes"),
)


class Node(BaseModel):
    """A machine that computes: its processor, its memory in MiB, and the names of its GPUs by index."""

    model_config = ConfigDict(frozen=True)

    name: str
    processor: str
    cores: int
    memory_mb: int
    gpus: tuple[str, ...] = ()

    def platforms(self) -> dict[UUID, str]:
        """The kinds of GPUs, and the processor, which always is there.

        The id of a kind stays the same as long as the machine keeps its name.
        """
        kinds = dict.fromkeys([*self.gpus, f"CPU: {self.processor} ({self.cores} cores)"])
        return {uuid5(NAMESPACE_URL, f"{self.name}/{kind}"): kind for kind in kinds}


@cache
def this_node() -> Node:
    """The machine that this process runs on."""
    return Node(
        name=platform.node(),
        processor=_processor(),
        cores=os.cpu_count() or 1,
        memory_mb=_memory_mb(),
        gpus=_nvidia_gpus(),
    )


def _memory_mb() -> int:
    """The machine's memory, or what a container may use of it."""
    there = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    for limit in _CGROUP_LIMITS:
        try:
            there = min(there, int(limit.read_text(encoding="ascii")))
        except (OSError, ValueError):
            continue  # no such control group, or "max"
    return there >> 20


def _processor() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8", errors="replace").splitlines()
    except OSError:
        return platform.processor() or platform.machine()
    names = (line.partition(":")[2].strip() for line in lines if line.startswith("model name"))
    return next(names, platform.machine())


def _nvidia_gpus() -> tuple[str, ...]:
    """The driver's own tool knows; without it, or when it fails, there is no usable GPU."""
    tool = shutil.which("nvidia-smi")
    if tool is None:
        return ()
    try:
        answer = subprocess.run(  # noqa: S603 - a fixed command
            [tool, *_QUERY], capture_output=True, text=True, timeout=_QUERY_SECONDS, check=True
        )
    except (OSError, subprocess.SubprocessError):
        return ()
    return tuple(line.strip() for line in answer.stdout.splitlines() if line.strip())
