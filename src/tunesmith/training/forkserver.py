"""Forks workers from a process that has done the imports already, so that a job starts at once.

Run as `python -m tunesmith.training.forkserver SOCKET [MODULE ...]`. It imports the modules, listens on the
Unix socket and forks a worker for each connection. A connection carries, in order: one line of JSON
(`protocol.Launch`); from here the line `pid N`; a byte for each event, from the worker; and, when the
worker is gone, the line `exit CODE` (negative for a signal). When standard input ends, so do all workers.

The parent stays single-threaded: a fork copies one thread only, and a lock held by another would stay
locked for ever. The modules it imports may start none.
"""

import gc
import importlib
import os
import selectors
import signal
import socket
import sys
import time
import traceback
from pathlib import Path
from typing import NoReturn

from tunesmith.protocol import Launch

SHUTDOWN_GRACE_SECONDS = 20.0
CRASHED = 70  # EX_SOFTWARE of sysexits.h
READY = "ready"
_MAX_LAUNCH_BYTES = 1 << 20


class ForkServer:
    """Forks, watches and reaps workers."""

    def __init__(self, listener: socket.socket) -> None:
        self._listener = listener
        self._workers: dict[int, socket.socket] = {}
        self._selector = selectors.DefaultSelector()
        self._selector.register(listener, selectors.EVENT_READ)
        self._selector.register(sys.stdin, selectors.EVENT_READ)
        self._wake_reader, wake_writer = socket.socketpair()
        self._wake_reader.setblocking(False)
        wake_writer.setblocking(False)
        self._wake_writer = wake_writer
        self._selector.register(self._wake_reader, selectors.EVENT_READ)
        signal.set_wakeup_fd(wake_writer.fileno())
        signal.signal(signal.SIGCHLD, lambda *_: None)
        # A Ctrl-C in the server's terminal reaches this process too: the server decides, not the signal.
        signal.signal(signal.SIGINT, signal.SIG_IGN)

    def serve(self) -> None:
        """Until standard input ends."""
        while True:
            for key, _ in self._selector.select():
                if key.fileobj is self._listener:
                    self._launch(self._listener.accept()[0])
                elif key.fileobj is self._wake_reader:
                    self._wake_reader.recv(4096)
                    self._reap()
                elif not os.read(sys.stdin.fileno(), 4096):
                    self._selector.unregister(sys.stdin)
                    self._shut_down()
                    return

    def _launch(self, channel: socket.socket) -> None:
        line = channel.makefile("rb", buffering=0).readline(_MAX_LAUNCH_BYTES)
        if not line:
            channel.close()
            return
        launch = Launch.model_validate_json(line)
        pid = os.fork()
        if pid == 0:
            self._become_worker(launch, channel)
        self._workers[pid] = channel
        _say(channel, f"pid {pid}")

    def _become_worker(self, launch: Launch, channel: socket.socket) -> NoReturn:
        os.setsid()  # a group of its own, so that its data loaders end with it
        signal.set_wakeup_fd(-1)
        signal.signal(signal.SIGCHLD, signal.SIG_DFL)
        self._selector.close()
        for inherited in (self._listener, self._wake_reader, self._wake_writer, *self._workers.values()):
            inherited.close()
        code = CRASHED
        try:
            from tunesmith.training.worker import work

            code = work(launch, channel)
        except BaseException:  # noqa: BLE001 - a forked process must never return into its parent's loop
            traceback.print_exc()
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(code)

    def _reap(self) -> None:
        for pid, channel in list(self._workers.items()):
            ended, status = os.waitpid(pid, os.WNOHANG)
            if ended:
                _kill_group(pid)
                _say(channel, f"exit {os.waitstatus_to_exitcode(status)}")
                channel.close()
                del self._workers[pid]

    def _shut_down(self) -> None:
        """The server is gone: let the workers write their checkpoints, then end what is left."""
        for pid in self._workers:
            os.kill(pid, signal.SIGTERM)
        deadline = time.monotonic() + SHUTDOWN_GRACE_SECONDS
        while self._workers and (left := deadline - time.monotonic()) > 0:
            for _ in self._selector.select(left):
                self._reap()
        for pid in self._workers:
            _kill_group(pid)


def _say(channel: socket.socket, line: str) -> None:
    try:
        channel.sendall(f"{line}\n".encode())
    except OSError:
        return  # nobody listens any more; the worker notices by itself


def _kill_group(pid: int) -> None:
    try:
        os.killpg(pid, signal.SIGKILL)
    except (ProcessLookupError, PermissionError):
        return


def main(path: Path, modules: list[str]) -> None:
    """Import, listen, fork until standard input ends."""
    for name in modules:
        _preload(name)
    gc.freeze()  # the workers share these pages as long as the collector leaves them alone
    listener = socket.socket(socket.AF_UNIX)
    listener.bind(str(path))
    listener.listen()
    sys.stdout.write(f"{READY}\n")
    sys.stdout.flush()
    ForkServer(listener).serve()


def _preload(name: str) -> None:
    """A package that is not installed fails the jobs that need it, with a sentence, not all jobs."""
    try:
        importlib.import_module(name)
    except ImportError as error:
        sys.stderr.write(f"{name} cannot be imported: {error}\n")


if __name__ == "__main__":
    main(Path(sys.argv[1]), sys.argv[2:])
