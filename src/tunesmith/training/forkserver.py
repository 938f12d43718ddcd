"""Forks workers from a process that has done the imports already, so that a job starts at once.

Run by a server as `python -m tunesmith.training.forkserver LISTENER [MODULE ...]`, with the number of a Unix
socket that listens. It imports the modules and answers what `tunesmith.protocol.channel` describes. Its
server's death, with which standard input ends, changes nothing for the workers: the next server adopts
them. It goes when its server is gone and the last worker too, or with all workers when it is told to.

A few children are forked before they are needed, as a fork of a process with torch takes milliseconds. The
parent stays single-threaded: a fork copies one thread only, and a lock held by another would stay locked
for ever. The modules it imports may start none.
"""

import gc
import importlib
import os
import selectors
import signal
import sys
import time
from collections.abc import Iterator
from contextlib import suppress
from functools import partial
from socket import socket, socketpair
from typing import NoReturn

from tunesmith.protocol import Launch
from tunesmith.protocol.channel import Lines, encode
from tunesmith.training import hugepages
from tunesmith.training.children import Child, Closable
from tunesmith.training.nursery import Nursery

SHUTDOWN_GRACE_SECONDS = 20.0
_LOOK_SECONDS = 1.0
_DONE = object()


class Channel:
    """A connection of a server, and the worker that it is about."""

    def __init__(self, connection: socket) -> None:
        self.socket = connection
        self.lines = Lines()
        self.worker: Child | None = None
        self._unsaid = b""
        connection.setblocking(False)

    @property
    def open(self) -> bool:
        """Whether more can be said and heard."""
        return self.socket.fileno() >= 0

    def say(self, line: bytes = b"") -> bool:
        """Write a line. False when some of it must wait until the server has read more."""
        self._unsaid += line
        try:
            self._unsaid = self._unsaid[self.socket.send(self._unsaid) :]
        except BlockingIOError:
            return False
        except OSError:
            self._unsaid = b""  # nobody listens any more
        return not self._unsaid


class ForkServer:
    """Passes jobs and words on to its children, and the ends of these back."""

    def __init__(self, listener: socket, chores: Iterator[None]) -> None:
        """Args:
        listener: where servers connect.
        chores: what to do, step by step, before the first spare child is forked; nobody waits for it.
        """
        self._chores = chores
        self._served = True
        self._ending = False
        self._channels: dict[int, Channel] = {}
        self._wake_reader, self._wake_writer = socketpair()
        self._wake_writer.setblocking(False)
        self._own = (listener, self._wake_reader, self._wake_writer)
        self._nursery = Nursery(self._open_things)
        self._selector = selectors.DefaultSelector()
        self._selector.register(listener, selectors.EVENT_READ, partial(self._accept, listener))
        self._selector.register(self._wake_reader, selectors.EVENT_READ, self._see_to_signals)
        self._selector.register(sys.stdin, selectors.EVENT_READ, self._look_for_server)
        signal.set_wakeup_fd(self._wake_writer.fileno())
        signal.signal(signal.SIGCHLD, lambda *_: None)
        signal.signal(signal.SIGTERM, lambda *_: self._end())

    def serve(self) -> None:
        """Until it is told to end, or nobody needs it any more."""
        while not self._ending and (self._served or self._nursery.workers):
            if not self._turn(self._patience()) and self._nursery.wants_spare:
                self._use_leisure()
        self._shut_down()

    def _patience(self) -> float | None:
        if self._nursery.wants_spare:
            return 0
        # A look now and then, for a lease goes on while the machine sleeps and a wait does not.
        return _LOOK_SECONDS if self._nursery.workers else None

    def _turn(self, seconds: float | None) -> bool:
        """See to what has come. False when nothing has within the time."""
        found = self._selector.select(seconds)
        for key, _ in found:
            key.data()
        self._nursery.end_overdue()
        return bool(found)

    def _use_leisure(self) -> None:
        if next(self._chores, _DONE) is _DONE:
            self._nursery.add_spare()

    def _open_things(self) -> list[Closable]:
        return [self._selector, *self._own, *(channel.socket for channel in self._channels.values())]

    def _look_for_server(self) -> None:
        if not os.read(sys.stdin.fileno(), 4096):
            self._selector.unregister(sys.stdin)
            self._served = False

    def _end(self) -> None:
        self._ending = True

    def _see_to_signals(self) -> None:
        self._wake_reader.recv(4096)
        self._reap()

    def _reap(self) -> None:
        for worker, code in self._nursery.reap():
            for channel in [one for one in self._channels.values() if one.worker is worker]:
                self._part(channel, encode("exit", code))

    def _accept(self, listener: socket) -> None:
        channel = Channel(listener.accept()[0])
        channel.say(encode("ready"))
        self._channels[channel.socket.fileno()] = channel
        self._selector.register(channel.socket, selectors.EVENT_READ, partial(self._hear, channel))

    def _hear(self, channel: Channel) -> None:
        try:
            data = channel.socket.recv(1 << 16)
            for line in channel.lines.feed(data):
                if channel.open:
                    self._obey(channel, line)
        except BlockingIOError:
            return
        except ValueError as error:
            self._part(channel, encode("refused", f"what was said makes no sense: {error!r}"))
        except OSError:
            self._close(channel)
        else:
            if not data:
                self._close(channel)

    def _obey(self, channel: Channel, line: str) -> None:
        match line.split(" ", 2):
            case ["launch", stamp, text] if not channel.worker:
                self._launch(channel, line, float(stamp), Launch.model_validate_json(text))
            case ["adopt", stamp, job] if not channel.worker:
                self._adopt(channel, line, float(stamp), job)
            case ["end"]:
                self._end()
            case ["keep", stamp] if channel.worker and channel.worker.lease:
                channel.worker.lease.renew(float(stamp))
                channel.worker.tell(line)
            case ["stop"] if channel.worker:
                channel.worker.tell(line)
            case _:
                raise ValueError(line[:40])

    def _launch(self, channel: Channel, line: str, stamp: float, launch: Launch) -> None:
        try:
            channel.worker = self._nursery.launch(line, launch, stamp, channel.socket)
        except OSError as error:
            self._part(channel, encode("refused", f"no process can be started for it: {error}"))

    def _adopt(self, channel: Channel, line: str, stamp: float, job: str) -> None:
        worker = self._nursery.worker_of(job)
        if worker is None or worker.lease is None or worker.leaves:
            self._part(channel, encode("refused", "it is not here"))
            return
        for other in [one for one in self._channels.values() if one.worker is worker]:
            self._part(other, encode("moved"))
        channel.say(encode("pid", worker.pid))
        channel.worker = worker
        worker.lease.take(stamp)
        with suppress(OSError):  # one that does not take it is ended by its lease, and this one sees how
            worker.hand_over(line, channel.socket)

    def _part(self, channel: Channel, line: bytes) -> None:
        """Say the last word, now or as soon as the server has read what is before it."""
        channel.worker = None
        if channel.say(line):
            self._close(channel)
        else:
            self._selector.modify(channel.socket, selectors.EVENT_WRITE, partial(self._part, channel, b""))

    def _close(self, channel: Channel) -> None:
        if self._channels.pop(channel.socket.fileno(), None):  # what came with its end may find it closed
            self._selector.unregister(channel.socket)
            channel.socket.close()

    def _shut_down(self) -> None:
        """Let the workers write their checkpoints, then end what is left."""
        self._nursery.dismiss_spare()
        for worker in self._nursery.workers.values():
            worker.ask_to_stop()
        self._await_workers(SHUTDOWN_GRACE_SECONDS)
        for worker in self._nursery.workers.values():
            worker.kill()
        self._await_workers(_LOOK_SECONDS)

    def _await_workers(self, seconds: float) -> None:
        deadline = time.monotonic() + seconds
        while self._nursery.workers and (left := deadline - time.monotonic()) > 0:
            self._turn(min(left, _LOOK_SECONDS))


def main(listener: int, modules: list[str]) -> NoReturn:
    """Import, then fork until nobody needs it any more."""
    os.set_inheritable(listener, False)
    for name in modules:
        _preload(name)
    gc.collect()
    gc.freeze()  # the workers share these pages as long as the collector leaves them alone
    ForkServer(socket(fileno=listener), hugepages.gather()).serve()
    os._exit(0)  # at once: unloading the modules would take longer than all the rest


def _preload(name: str) -> None:
    """A package that is not installed fails the jobs that need it, with a sentence, not all jobs."""
    try:
        importlib.import_module(name)
    except ImportError as error:
        sys.stderr.write(f"{name} cannot be imported: {error}\n")


if __name__ == "__main__":
    main(int(sys.argv[1]), sys.argv[2:])
