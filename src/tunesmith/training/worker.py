"""A worker process: reads its request, runs one action, reports events, exits.

Its exit code is 0 when it reported how the job ended, whatever that was. Its channel is a stream socket:
the worker writes a byte for each event, so that the reader looks at once, and reads lines that tell it to
stop. The end of the stream means that the server is gone, and stops the job too.
"""

import os
import signal
import socket
import sys
import threading
import traceback
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from fcntl import LOCK_EX, flock

from tunesmith.protocol import Done, Failed, Heartbeat, Interrupted, JobFolder, Launch, Started
from tunesmith.training import actions
from tunesmith.training.failures import StoppedError, failure_of
from tunesmith.training.run import Run

HEARTBEAT_SECONDS = 10.0
POKE = b"."


def work(launch: Launch, channel: socket.socket) -> int:
    """Run the job in the folder to its end. Returns the process's exit code."""
    folder = JobFolder(launch.folder)
    stop = threading.Event()
    signal.signal(signal.SIGTERM, lambda *_: stop.set())
    threading.Thread(target=_obey, args=(channel, stop), daemon=True).start()
    with _log_to(folder), _only_worker(folder):
        run = Run(folder, launch.secrets, stop, on_report=lambda: _poke(channel))
        request = run.request
        os.environ["TUNESMITH_JOB_TOKEN"] = launch.token
        os.environ["CUDA_VISIBLE_DEVICES"] = ",".join(str(index) for index in request.resources.gpus)
        run.report(
            Started(pid=os.getpid(), host=socket.gethostname(), message=f"{request.action} has started")
        )
        ended = threading.Event()
        threading.Thread(target=_beat, args=(run, ended), daemon=True).start()
        try:
            run.report(_outcome(run))
        finally:
            ended.set()
    return 0


def _outcome(run: Run) -> Done | Failed | Interrupted:
    """How the job ends. Every error becomes an event here: this is the process's edge."""
    try:
        outcome = actions.run_action(run)
        run.publish()
    except StoppedError:
        print("Stopped on request.", flush=True)  # noqa: T201 - standard output is the job's log
        return Interrupted(message="Stopped on request")
    except Exception as error:  # noqa: BLE001 - whatever an action raises is the job's outcome
        failure = failure_of(error)
        traceback.print_exc()
        print(f"Failed ({failure.cause}): {failure.message} {failure.advice}", flush=True)  # noqa: T201
        return failure
    return Done(message=f"{run.request.action} is done", outcome=outcome)


def _obey(channel: socket.socket, stop: threading.Event) -> None:
    """Any word from the server, or its end, stops the job."""
    with suppress(OSError):
        channel.recv(1)
    stop.set()


def _poke(channel: socket.socket) -> None:
    """Say that there is an event to read. A full or closed channel loses nothing: the file has it."""
    try:
        channel.send(POKE, socket.MSG_DONTWAIT)
    except OSError:
        return


def _beat(run: Run, ended: threading.Event) -> None:
    while not ended.wait(HEARTBEAT_SECONDS):
        run.report(Heartbeat())


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
        flock(lock, LOCK_EX)
        yield
