"""A worker process: reads its request, runs one action, reports events, exits.

Its exit code is 0 when it reported how the job ended, whatever that was; it is `LOST` when a process that
trained with it is gone, so that the job can go on from its newest checkpoint. One that does not lead reports
nothing: its exit code is `FAILED` if it failed. It lives in a fork server's child, and its `Tether` carries
what it has to do with a server.
"""

import os
import signal
import socket
import sys
import threading
import traceback
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from fcntl import LOCK_EX, flock
from itertools import count

from tunesmith.protocol import (
    Cause,
    Done,
    Failed,
    Heartbeat,
    Interrupted,
    JobFolder,
    Launch,
    Note,
    Started,
)
from tunesmith.training import actions
from tunesmith.training.engine.log import log
from tunesmith.training.failures import LOST, StoppedError, failure_of
from tunesmith.training.orphans import end_forks_with_this_process
from tunesmith.training.run import Run
from tunesmith.training.tether import Tether

FAILED = 1
"""Exit code of one that has failed and cannot say so."""
HEARTBEAT_SECONDS = 10.0
LOG_SECONDS = 0.5
"""How often whoever follows the log hears of what is new in it."""


def work(launch: Launch, tether: Tether) -> int:
    """Run the job in the folder to its end. Returns the process's exit code."""
    folder = JobFolder(launch.folder)
    stop = threading.Event()
    signal.signal(signal.SIGTERM, lambda *_: stop.set())
    end_forks_with_this_process(tether.let_go)
    tether.hold(stop)
    with _log_to(folder), _only_worker(folder):
        run = Run(folder, launch.secrets, stop, on_report=tether.poke)
        request = run.request
        os.environ.update(launch.environment)
        os.environ["TUNESMITH_JOB_TOKEN"] = launch.token
        os.environ["CUDA_VISIBLE_DEVICES"] = ",".join(str(index) for index in request.resources.gpus)
        run.report(
            Started(pid=os.getpid(), host=socket.gethostname(), message=f"{request.action} has started")
        )
        if launch.withheld:
            run.note(_withheld(launch.withheld))
        ended = threading.Event()
        threading.Thread(target=_beat, args=(run, tether, ended), daemon=True).start()
        try:
            outcome = _outcome(run, tether)
            tether.leave()
        finally:
            ended.set()
        if isinstance(outcome, Failed) and outcome.cause is Cause.LOST_WORKER:
            run.report(Note(message=outcome.message))
            return LOST
        run.report(outcome)
        return FAILED if isinstance(outcome, Failed) and not run.leads else 0


def _outcome(run: Run, tether: Tether) -> Done | Failed | Interrupted:
    """How the job ends. Every error becomes an event here: this is the process's edge."""
    try:
        outcome = actions.run_action(run)
        run.publish()
    except StoppedError:
        log(f"Stopped {tether.why_stopped}.")
        return Interrupted(message=f"Stopped {tether.why_stopped}")
    except Exception as error:  # noqa: BLE001 - whatever an action raises is the job's outcome
        failure = failure_of(error)
        log(traceback.format_exc())
        log(f"Failed ({failure.cause}): {failure.message} {failure.advice}")
        return failure
    return Done(message=f"{run.request.action} is done", outcome=outcome)


def _withheld(reasons: Mapping[str, str]) -> str:
    shown = "; ".join(f"{name} ({reason})" for name, reason in sorted(reasons.items()))
    return f"These docker_env_vars of the experiment do nothing here: {shown}."


def _beat(run: Run, tether: Tether, ended: threading.Event) -> None:
    """Report a sign of life now and then, and at once when there is more to read in the log."""
    known = 0
    for look in count(1):
        if ended.wait(LOG_SECONDS):
            return
        with suppress(OSError):  # a full disk has room again some day
            if look % round(HEARTBEAT_SECONDS / LOG_SECONDS) == 0:
                run.report(Heartbeat())
            elif known != (known := run.folder.log_path.stat().st_size):
                tether.poke()


@contextmanager
def _log_to(folder: JobFolder) -> Iterator[None]:
    """Send everything that the process prints, from Python or below it, to the job's log."""
    log = os.open(folder.log_path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o644)
    for stream in (sys.stdout, sys.stderr):
        stream.flush()
        os.dup2(log, stream.fileno())
    os.close(log)
    sys.stdout.reconfigure(line_buffering=True)  # type: ignore[union-attr] # a text file, in a worker
    yield
    sys.stdout.flush()
    sys.stderr.flush()


@contextmanager
def _only_worker(folder: JobFolder) -> Iterator[None]:
    """Wait until an earlier worker of this job, whose server died, has left the folder."""
    with folder.lock_path.open("w") as lock:
        os.register_at_fork(after_in_child=lock.close)  # the lock goes with this process
        flock(lock, LOCK_EX)
        yield
