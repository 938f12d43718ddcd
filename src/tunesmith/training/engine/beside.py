"""The processes that train beside a job's worker on the same machine."""

import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Mapping
from pathlib import Path

from pydantic import BaseModel, ConfigDict

from tunesmith.training.run import Run

STUCK_SECONDS = 20.0
"""How long the main thread may take to notice that another process is gone."""


class Place(BaseModel):
    """What such a process is told, as one line of JSON on its standard input, which never touches a disk."""

    model_config = ConfigDict(frozen=True)

    folder: Path
    secrets: Mapping[str, Mapping[str, str]]
    local: int
    meeting: str


class Beside:
    """Starts them, notices when one is gone, and ends them.

    They are in the worker's process group, and end by themselves when the worker closes their standard input,
    as it does by dying.

    Args:
        run: the job.
        meeting: HOST:PORT where all processes meet.
        abandon: called if one is gone and this process has not ended long after; with a sentence on it.

    Attributes:
        lost: a sentence on the first one that ended badly; empty while there is none.
    """

    def __init__(self, run: Run, meeting: str, abandon: Callable[[str], None]) -> None:
        self.lost = ""
        self._run, self._meeting, self._abandon = run, meeting, abandon
        self._closing = threading.Event()
        self._processes = [self._start(local) for local in range(1, run.seat.processes)]

    def close(self) -> None:
        """End those that have not ended yet."""
        self._closing.set()
        for process in self._processes:
            process.kill()
            process.wait()

    def _start(self, local: int) -> "subprocess.Popen[bytes]":
        place = Place(
            folder=self._run.folder.root, secrets=self._run.secrets, local=local, meeting=self._meeting
        )
        process = subprocess.Popen([sys.executable, "-m", "tunesmith.training.rank"], stdin=subprocess.PIPE)
        assert process.stdin  # noqa: S101 - it was asked for
        process.stdin.write(place.model_dump_json().encode() + b"\n")
        process.stdin.flush()
        threading.Thread(
            target=self._watch, args=(local, process), name=f"beside-{local}", daemon=True
        ).start()
        return process

    def _watch(self, local: int, process: "subprocess.Popen[bytes]") -> None:
        code = process.wait()
        if code == 0 or self._closing.is_set():
            return
        seat = self._run.seat.beside(local, self._meeting)
        how = f"was ended by {signal.Signals(-code).name}" if code < 0 else f"exited with code {code}"
        self.lost = self.lost or f"Process {seat.rank + 1} of {seat.size} of the training {how}."
        if not self._closing.wait(STUCK_SECONDS):
            self._abandon(self.lost)
