"""What this machine has to compute with, told without torch."""

import os
import platform
import shutil
import subprocess
from dataclasses import dataclass
from functools import cache
from pathlib import Path

_QUERY = ("--query-gpu=name", "--format=csv,noheader")
_QUERY_SECONDS = 5


@dataclass(frozen=True)
class Machine:
    """One machine: its name, its processor, and the names of its GPUs in the order of their indices."""

    node: str
    processor: str
    cores: int
    gpus: tuple[str, ...]


@cache
def this_machine() -> Machine:
    """The machine that this process runs on."""
    return Machine(
        node=platform.node(), processor=_processor(), cores=os.cpu_count() or 1, gpus=_nvidia_gpus()
    )


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
