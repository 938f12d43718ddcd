"""From the command to a healthy server, its memory when idle, and proof that it holds no torch."""

import statistics
import subprocess
import sys
import time
from pathlib import Path

from bench.house import Figure, server

RUNS = 5
SETTLE_SECONDS = 8
_LIST_MODULES = "import sys; import tunesmith.server.app; print('torch' in sys.modules)"


def run() -> list[Figure]:
    """Median of several starts."""
    seconds, resident, warm = [], [], []
    for _ in range(RUNS):
        with server() as started:
            seconds.append(started.seconds_to_healthy)
            time.sleep(SETTLE_SECONDS)  # the warm processes finish their imports
            resident.append(_resident_mb(started.process.pid))
            if _maps_torch(started.process.pid):
                raise AssertionError("the server process has torch mapped")
            warm.append(sum(_resident_mb(pid) for pid in _children(started.process.pid)))
    answer = subprocess.run([sys.executable, "-c", _LIST_MODULES], check=True, capture_output=True, text=True)
    assert answer.stdout.strip() == "False", "the server imports torch"
    return [
        Figure("command to healthy, median", statistics.median(seconds), "s", limit=2.0),
        Figure("command to healthy, worst", max(seconds), "s"),
        Figure("server resident when idle", statistics.median(resident), "MB", limit=200),
        Figure("warm worker processes resident", statistics.median(warm), "MB"),
    ]


def _resident_mb(pid: int) -> float:
    lines = Path(f"/proc/{pid}/status").read_text(encoding="utf-8").splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith("VmRSS")) / 1024


def _maps_torch(pid: int) -> bool:
    return "libtorch" in Path(f"/proc/{pid}/maps").read_text(encoding="utf-8")


def _children(pid: int) -> list[int]:
    listed = Path(f"/proc/{pid}/task/{pid}/children").read_text(encoding="utf-8")
    return [int(child) for child in listed.split()]
