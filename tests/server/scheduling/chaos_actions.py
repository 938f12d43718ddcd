"""What the jobs of the chaos test do: work for a moment, in steps, and leave a file that can be checked.

A job notes in a common folder that it runs. One that finds a living process there has been started twice.
"""

import os
import time
from pathlib import Path
from typing import Any

from tunesmith.protocol import CheckpointSaved, Progress
from tunesmith.protocol.causes import Cause
from tunesmith.training import actions
from tunesmith.training.failures import JobError
from tunesmith.training.run import Run

STEPS = 8


def act(run: Run) -> dict[str, Any]:
    ledger = Path(os.environ["CHAOS_LEDGER"])
    note = ledger / f"{run.request.job_id}.{os.getpid()}"
    note.touch()
    try:
        _refuse_company(run, ledger, note)
        for step in range(1, STEPS + 1):
            run.report(Progress(epoch=1, max_epoch=1, step=step, steps_per_epoch=STEPS))
            time.sleep(0.02)
            run.raise_if_stopped()
        if run.request.action == "prune":
            raise JobError(Cause.BAD_DATA, "This one is to fail.")
        (run.results / "model_latest.pth").write_bytes(str(run.request.job_id).encode() * 1000)
        run.report(CheckpointSaved(epoch=1, file="model_latest.pth", best=True))
        return {"attempt": run.request.attempt}
    finally:
        note.unlink(missing_ok=True)


def _refuse_company(run: Run, ledger: Path, own: Path) -> None:
    for other in ledger.glob(f"{run.request.job_id}.*"):
        if other != own and _lives(int(other.suffix[1:])):
            (ledger / f"twice-{other.name}-{own.name}").touch()


def _lives(pid: int) -> bool:
    try:
        state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except FileNotFoundError:
        return False
    return state != "Z"


actions.run_action = act
