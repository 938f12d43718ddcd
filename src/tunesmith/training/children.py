"""The forked children of a fork server: each waits for one job, becomes its worker, and ends."""

import os
import signal
import socket
import sys
import traceback
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path
from typing import NoReturn, Protocol

from tunesmith.protocol import Launch, Lease
from tunesmith.training.tether import LEAVES, Control, Tether

CRASHED = 70  # EX_SOFTWARE of sysexits.h
_HAND_OVER_SECONDS = 1.0


class Closable(Protocol):
    """What a child closes of its parent's."""

    def close(self) -> None:
        """Let go of it in this process."""


class Child:
    """A child, as the fork server sees it.

    Attributes:
        pid: its process, and the group of all that it starts.
        job: the job that it works on; empty while it waits for one.
        lease: how long it may go on without a word, once it has a job.
        control: the line to it.
    """

    def __init__(self, pid: int, control: socket.socket) -> None:
        self.pid = pid
        self.job = ""
        self.lease: Lease | None = None
        self.control = control
        control.setblocking(False)

    def hand_over(self, line: str, channel: socket.socket) -> None:
        """Give it a line with the connection that the line came on.

        Raises:
            OSError: it does not take it.
        """
        data = line.encode() + b"\n"
        self.control.settimeout(_HAND_OVER_SECONDS)
        try:
            sent = socket.send_fds(self.control, [data], [channel.fileno()])
            self.control.sendall(data[sent:])
        finally:
            self.control.setblocking(False)

    def tell(self, line: str) -> None:
        """Pass a word on. One that does not listen is ended by its lease."""
        with suppress(OSError):
            self.control.send(line.encode() + b"\n")

    @property
    def leaves(self) -> bool:
        """Whether it has said that its job is at its end."""
        with suppress(OSError):
            return bool(self.control.recv(len(LEAVES), socket.MSG_PEEK))
        return False

    def ask_to_stop(self) -> None:
        """As an operator would."""
        with suppress(ProcessLookupError):
            os.kill(self.pid, signal.SIGTERM)

    def kill(self) -> None:
        """End it with all that it has started."""
        kill_group(self.pid)

    def close(self) -> None:
        """Close the line to it."""
        self.control.close()


def kill_group(pid: int) -> None:
    """End all processes of a group, if there are any."""
    with suppress(ProcessLookupError, PermissionError):
        os.killpg(pid, signal.SIGKILL)


def fork_child(inherited: Iterable[Closable]) -> Child:
    """A child that waits for a job.

    Args:
        inherited: what only the parent may hold open.

    Raises:
        OSError: there is no room for another process.
    """
    ours, theirs = socket.socketpair()
    try:
        pid = os.fork()
    except OSError:
        ours.close()
        theirs.close()
        raise
    if pid == 0:
        _live(theirs, [ours, *inherited])
    theirs.close()
    return Child(pid, ours)


def _live(control: socket.socket, inherited: Iterable[Closable]) -> NoReturn:
    code = CRASHED
    try:
        _leave_parent(inherited)
        code = _wait_and_work(Control(control))
    except BaseException:  # noqa: BLE001 - a forked process must never return into its parent's loop
        traceback.print_exc()
    finally:
        for stream in (sys.stdout, sys.stderr):
            with suppress(OSError, ValueError):
                stream.flush()
        os._exit(code)  # at once: torch's threads and libraries need no farewell


def _leave_parent(inherited: Iterable[Closable]) -> None:
    os.setsid()  # a group of its own, so that its data loaders end with it
    signal.set_wakeup_fd(-1)
    for number in (signal.SIGCHLD, signal.SIGTERM):
        signal.signal(number, signal.SIG_DFL)
    for one in inherited:
        one.close()
    nothing = os.open(os.devnull, os.O_RDONLY)
    os.dup2(nothing, sys.__stdin__.fileno() if sys.__stdin__ else 0)
    os.close(nothing)


def _wait_and_work(control: Control) -> int:
    from tunesmith.training.rehearsal import rehearse
    from tunesmith.training.worker import work

    rehearse()
    lines: list[str] = []
    try:
        while not lines:
            lines = control.receive()
    except EOFError:
        return 0  # the fork server has gone, and there was no job
    _, stamp, text = lines[0].split(" ", 2)
    launch = Launch.model_validate_json(text)
    _offer_to_the_oom_killer()
    lease = Lease(launch.lease_seconds, float(stamp))
    return work(launch, Tether(control, control.take_socket(), lease))


def _offer_to_the_oom_killer() -> None:
    """When memory runs out, Linux is to end a job, and not the server or whatever else is larger."""
    with suppress(OSError):
        Path("/proc/self/oom_score_adj").write_text("500", encoding="ascii")
