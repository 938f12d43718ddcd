"""Brings the processes of a distributed training together, and tells why one of them is missing.

The first process of each machine is the job's worker there. It starts the others of its machine (see
`engine.beside`). All of them meet at a store that the very first process holds: it takes in who is ready,
and why somebody failed, since the others only see a connection that ends.
"""

import os
import socket
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from datetime import timedelta

import torch
import torch.distributed as dist
from torch._C._distributed_c10d import Store, TCPStore

from tunesmith.protocol import Cause, Failed
from tunesmith.training.engine.beside import Beside
from tunesmith.training.engine.group import PATIENCE, Company, Group
from tunesmith.training.engine.interfaces import choose_interface
from tunesmith.training.engine.log import log
from tunesmith.training.engine.memory import is_out_of_memory
from tunesmith.training.failures import LOST, JobError, StoppedError, failure_of
from tunesmith.training.run import Run

_LOOK_SECONDS = 0.05
_REASON_SECONDS = 5.0
_CONNECT_SECONDS = 2.0
_LOOPBACK = "127.0.0.1"
_CONNECTION_WORDS = ("gloo", "nccl", "connection", "socket", "broken pipe")


@contextmanager
def joined(run: Run, device: torch.device) -> Iterator[Group]:
    """The processes that train this job, once all of them are there.

    Raises:
        StoppedError: asked to stop before they were.
        JobError: one of them failed, for the reason given, or is gone.
    """
    if run.seat.size == 1:
        yield Group()
        return
    meeting = Meeting(run)
    try:
        yield meeting.join("nccl" if device.type == "cuda" else "gloo")
    except StoppedError:
        raise
    except Exception as error:  # a lost process shows as any error of the others: say which was lost
        raise meeting.reason(error) from error
    finally:
        meeting.close()


class Meeting:
    """One process's part in bringing all together, and in noticing who is gone."""

    def __init__(self, run: Run) -> None:
        self._run = run
        self._seat = run.seat
        self._store: Store | None = None
        self._beside: Beside | None = None

    def join(self, backend: str) -> Company:
        """Wait for all, and connect."""
        self._store, meeting = self._hold() if self._run.leads else (self._reach(), self._seat.meeting)
        if self._seat.local == 0:
            self._beside = Beside(self._run, meeting, self._abandon)
        choose_interface(meeting)
        self._store.set(f"ready/{self._seat.rank}", "")
        everybody = [f"ready/{rank}" for rank in range(self._seat.size)]
        self._until(lambda store: store.check(everybody))
        return Company(self._seat.beside(self._seat.local, meeting), self._store, backend)

    def reason(self, error: Exception) -> Exception:
        """Why the training cannot go on: what another process failed with, if this one only misses it."""
        found = self._behind(error) if isinstance(error, RuntimeError) else error
        if found and not self._run.leads:
            self._tell(found)
        sentence = str(error).split("\n", maxsplit=1)[0]
        return found or _lost(f"Another process of the training cannot be reached: {sentence}")

    def close(self) -> None:
        """End the processes that this one started."""
        if self._beside:
            self._beside.close()
        if dist.is_initialized():
            dist.destroy_process_group()

    def _hold(self) -> tuple[Store, str]:
        """The store, in this process, and where it is."""
        host, _, port = (self._seat.meeting or f"{_LOOPBACK}:0").rpartition(":")
        try:  # the store's own socket would listen on all interfaces
            listener = socket.create_server((host, int(port)), family=_family(host), backlog=256)
        except OSError as error:  # somebody was faster: the next attempt is given another port
            raise _lost(f"The processes cannot meet at {self._seat.meeting}: {error.strerror}.") from error
        port = str(listener.getsockname()[1])
        store = TCPStore(
            host,
            int(port),
            is_master=True,
            wait_for_workers=False,
            timeout=PATIENCE,
            master_listen_fd=listener.detach(),
        )
        return store, f"{host}:{port}"

    def _reach(self) -> Store:
        """The store of the first process, once it is there."""
        host, _, port = self._seat.meeting.rpartition(":")
        while True:
            self._run.raise_if_stopped()
            with suppress(dist.DistNetworkError, dist.DistStoreError):
                store = TCPStore(host, int(port), timeout=timedelta(seconds=_CONNECT_SECONDS))
                store.set_timeout(PATIENCE)
                return store
            time.sleep(_LOOK_SECONDS)

    def _until(self, true: Callable[[Store], bool]) -> None:
        while self._store and not true(self._store):
            self._run.raise_if_stopped()
            if told := self._told():
                raise JobError(told.cause, told.message, told.advice)
            if self._beside and self._beside.lost:
                raise _lost(self._beside.lost)
            time.sleep(_LOOK_SECONDS)

    def _behind(self, error: RuntimeError) -> Exception | None:
        """What is known to have gone wrong. Other processes may be about to say why they ended."""
        until = time.monotonic() + _REASON_SECONDS
        while _is_connection(error):
            lost = self._beside.lost if self._beside else ""
            if self._run.leads and (told := self._told()):
                return JobError(told.cause, told.message, told.advice)
            if lost:
                return _lost(lost)
            if not self._beside or time.monotonic() > until:
                return None
            time.sleep(_LOOK_SECONDS)
        return error

    def _tell(self, error: Exception) -> None:
        failed = failure_of(MemoryError(str(error)) if is_out_of_memory(error) else error)
        if self._store:
            with suppress(RuntimeError):  # the first process may be gone too
                self._store.set("failure", failed.model_dump_json())

    def _told(self) -> Failed | None:
        if self._store and self._store.check(["failure"]):
            return Failed.model_validate_json(self._store.get("failure"))
        return None

    def _abandon(self, lost: str) -> None:
        """The main thread does not notice that another process is gone: this one ends without it."""
        if told := self._told():
            self._run.report(told)
        log(f"{lost} This process ends too.")
        os._exit(0 if told else LOST)


def _lost(sentence: str) -> JobError:
    return JobError(Cause.LOST_WORKER, sentence)


def _is_connection(error: Exception) -> bool:
    """Whether an error says that another process cannot be reached: each part of torch says it in its way."""
    if isinstance(error, dist.DistError):
        return True
    text = str(error).lower()
    return isinstance(error, RuntimeError) and any(word in text for word in _CONNECTION_WORDS)


def _family(host: str) -> socket.AddressFamily:
    return socket.AF_INET6 if ":" in host else socket.AF_INET
