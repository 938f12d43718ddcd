"""Actions that tests of executors lead by files in the job's scratch folder, in place of the real ones."""

import ctypes
import multiprocessing
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from typing import Any

from tunesmith.protocol import Progress
from tunesmith.training import actions, tether
from tunesmith.training.run import Run


def act(run: Run) -> dict[str, Any]:
    ways: dict[str, Callable[[Run], None]] = {
        "wait": _wait,
        "seize": _seize,
        "get stuck": _get_stuck,
        "ignore": _ignore,
        "fork": _fork,
        "spawn": _spawn,
        "print": _print,
        "crash": lambda _: os.kill(os.getpid(), signal.SIGSEGV),
        "exit": lambda _: os._exit(3),
        "leave": lambda _: None,
    }
    ways[run.request.specs["do"]](run)
    return {"attempt": run.request.attempt}


def _wait(run: Run) -> None:
    """Report at once and whenever `report` appears, end well when `finish` does."""
    run.report(Progress(message="waits"))
    while not (run.scratch / "finish").exists():
        if (run.scratch / "report").exists():
            (run.scratch / "report").unlink()
            run.report(Progress(message="as told"))
        run.raise_if_stopped()
        time.sleep(0.005)


def _seize(run: Run) -> None:
    """Native code that lets no other thread run: neither a signal's handler nor a lease is looked at."""
    run.report(Progress(message="waits"))
    ctypes.PyDLL(None).sleep(600)


def _get_stuck(run: Run) -> None:
    """As above, and the kernel is to find it after a second, as it would after minutes."""
    tether.STUCK_SECONDS = 1
    time.sleep(1)  # the time for that to be noticed
    _seize(run)


def _ignore(run: Run) -> None:
    run.report(Progress(message="waits"))
    while True:
        time.sleep(0.05)


def _fork(run: Run) -> None:
    """As a data loader's processes are started."""
    child = multiprocessing.get_context("fork").Process(target=time.sleep, args=(600,))
    child.start()
    run.report(Progress(message=f"started {child.pid}"))
    _wait(run)
    os._exit(0)


def _spawn(run: Run) -> None:
    """As another program is started."""
    child = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)"])
    run.report(Progress(message=f"started {child.pid}"))
    _wait(run)


def _print(run: Run) -> None:
    """Write into the log, and report nothing more."""
    run.report(Progress(message="waits"))
    while not (run.scratch / "finish").exists():
        if (run.scratch / "report").exists():
            (run.scratch / "report").unlink()
            print("something new", flush=True)
        time.sleep(0.005)


actions.run_action = act
