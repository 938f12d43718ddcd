"""A worker on this machine, as its watcher sees it."""

import signal
import socket
import threading
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

from tunesmith.protocol.channel import Lines, encode, stamped
from tunesmith.protocol.lease import clock
from tunesmith.workers.base import ExecutorError
from tunesmith.workers.groups import ProcessGroup
from tunesmith.workers.places import connect

_SIGNALS = {
    signal.SIGKILL: "as when memory runs out",
    signal.SIGSEGV: "a crash in native code",
    signal.SIGBUS: "a crash in native code, as when shared memory or the disk is full",
    signal.SIGABRT: "native code gave up",
    signal.SIGFPE: "a crash in native code",
    signal.SIGILL: "native code that this processor cannot run",
    signal.SIGTERM: "somebody asked it to end before it could listen",
    signal.SIGALRM: "it did not hear from its server for too long",
}


class LocalWorker:
    """A forked worker behind its channel (`tunesmith.protocol.channel`).

    Attributes:
        ended_well: whether it exited by itself and has said how its job ended.
    """

    def __init__(self, channel: socket.socket) -> None:
        self._channel = channel
        self._lines = Lines()
        self._ready = False
        self._poked = False
        self._group: ProcessGroup | None = None
        self._end = ""
        self.ended_well = False
        self._refusal = ""
        self._killed = False
        self._lock = threading.Lock()

    obstacle = ""
    """There is always room on this machine for what was given a slot."""

    def begin(self, word: str, *rest: object, held_at: Callable[[], float] = clock) -> bool:
        """Say the first line when the fork server is ready. False if the process ended before it began.

        Raises:
            ExecutorError: the fork server refuses, and says why.
            OSError: nobody hears or answers.
        """
        self._read_until(lambda: self._ready)
        self._channel.sendall(stamped(held_at(), word, *rest))
        self._read_until(lambda: bool(self._group or self._end or self._refusal))
        if self._refusal:
            raise ExecutorError(self._refusal)
        self._channel.settimeout(None)
        return self._group is not None

    def _read_until(self, condition: Callable[[], bool]) -> None:
        while not condition():
            if not self._read():
                raise ConnectionResetError

    def wait(self) -> bool:
        """Block until there may be new events (True) or the worker is gone (False)."""
        while not self._poked and not self._end:
            if not self._read():
                self.kill()  # its fork server is gone, which would have ended what the worker has started
                self._end = "its process is gone"
        if self._poked:
            self._poked = False
            return True
        self._forget()
        return False

    @property
    def ending(self) -> str:
        """How the process ended, in words."""
        return self._end

    def keep(self, at: float | None = None) -> None:
        """Tell the worker that a server still holds its job, or did at a time on `clock()`."""
        self._say(stamped(clock() if at is None else at, "keep"))

    def stop(self) -> None:
        """Ask the worker to end."""
        self._say(encode("stop"))

    def kill(self) -> None:
        """End the worker's whole process group."""
        with self._lock:
            if self._group is not None:
                self._killed = True
                self._group.kill()

    def _say(self, line: bytes) -> None:
        """A worker that does not listen is ended by its lease, or by whoever asked it to end."""
        with self._lock, suppress(OSError):
            self._channel.send(line, socket.MSG_DONTWAIT)

    def _read(self) -> bool:
        """Take in what has come. False when nothing will come any more."""
        try:
            data = self._channel.recv(4096)
        except TimeoutError:
            raise
        except OSError:
            data = b""
        for line in self._lines.feed(data):
            self._take(line)
        return bool(data)

    def _take(self, line: str) -> None:
        match line.split(" ", 1):
            case [""]:
                self._poked = True
            case ["ready"]:
                self._ready = True
            case ["pid", number]:
                with self._lock:
                    self._group = ProcessGroup(int(number))
            case ["exit", code]:
                self.ended_well = code == "0"
                self._end = "it did not end in time" if self._killed else _in_words(int(code))
            case ["refused", why]:
                self._refusal = why
            case ["moved"]:
                self._end = "somebody else watches it now"

    def _forget(self) -> None:
        with self._lock:
            if self._group:
                self._group.close()
                self._group = None
            self._channel.close()


def begin(
    path: Path, seconds: float, word: str, *rest: object, held_at: Callable[[], float] = clock
) -> LocalWorker | None:
    """The worker about which a fork server is told a first line. None if it ended before it began.

    Args:
        path: where the fork server listens.
        seconds: how long each of its answers may take.
        word: what begins the line, which is stamped.
        rest: what else belongs to the line.
        held_at: since when a server is known to hold the job, asked for when the fork server is ready.

    Raises:
        ExecutorError: the fork server refuses, and says why.
        OSError: nobody hears or answers.
    """
    channel = connect(path, seconds)
    worker = LocalWorker(channel)
    try:
        begun = worker.begin(word, *rest, held_at=held_at)
    except (OSError, ExecutorError):
        channel.close()
        raise
    if not begun:
        channel.close()
    return worker if begun else None


def _in_words(code: int) -> str:
    if code >= 0:
        return f"its process exited with code {code}"
    try:
        number = signal.Signals(-code)
    except ValueError:
        return f"its process was ended by signal {-code}"
    meaning = _SIGNALS.get(number)
    return f"its process was ended by {number.name}" + (f", {meaning}" if meaning else "")
