"""A job's worker on a Ray cluster, as its watcher sees it."""

import socket
import threading
from collections.abc import Callable
from contextlib import suppress

import structlog

from tunesmith.protocol import Failed, JobFolder
from tunesmith.protocol.channel import encode, stamped
from tunesmith.protocol.lease import clock
from tunesmith.server.jobs.arrivals import ARRIVALS
from tunesmith.workers.base import ExecutorError
from tunesmith.workers.orders import Adoption, Order

_PAUSE_SECONDS = 0.5

_log = structlog.get_logger()


class RayWorker:
    """Behind its connection to the broker (`workers.orders`). Its events come by reports.

    The broker may die: the worker goes on, and the next broker finds it.
    """

    def __init__(self, connect: Callable[[], socket.socket], adoption: Adoption, folder: JobFolder) -> None:
        """Args:
        connect: connects to the broker, a new one if need be; it is ready to hear the first line. Raises
            OSError or ExecutorError if there is none.
        adoption: how another broker finds the worker.
        folder: the job's folder here, to which reports are appended.
        """
        self.ending = ""
        self.obstacle = ""
        self._connect = connect
        self._adoption = adoption
        self._folder = folder
        self._channel: socket.socket | None = None
        self._guard = threading.Lock()
        self._stopping = self._killing = self._adopting = False
        self._heard_at = clock()
        self._begun = self._is_kept = False
        self._news = threading.Event()
        self._over = threading.Event()
        self._unsubscribe = ARRIVALS.subscribe(adoption.job_id, self._news.set)

    def launch(self, order: Order) -> None:
        """Have it started, in the background. What goes wrong is how it ends."""
        self._start(stamped(clock(), "launch", order.model_dump_json()))

    def adopt(self) -> bool:
        """Have it found; waits for the answer. False if it is not there, or nobody who could look."""
        self._adopting = True
        self._start(self._adopt_line())
        while not (self._begun or self._over.is_set()):
            self._news.wait()
            self._news.clear()
        self._news.set()  # what was reported while nobody watched
        return self._begun

    def wait(self) -> bool:
        """Block until there may be new events (True) or the worker is gone (False)."""
        self._news.wait()
        if self._over.is_set():
            self._unsubscribe()
            return False
        self._news.clear()
        return True

    def keep(self) -> None:
        """Tell the worker that this server still holds its job."""
        self._say(stamped(clock(), "keep"))

    def stop(self) -> None:
        """Ask the worker to end."""
        self._stopping = True
        self._say(encode("stop"))

    def kill(self) -> None:
        """End the worker now."""
        self._killing = True
        self._say(encode("kill"))

    def _start(self, line: bytes) -> None:
        name = f"ray-{self._adoption.job_id}"
        threading.Thread(target=self._carry, args=(line,), name=name, daemon=True).start()

    def _adopt_line(self) -> bytes:
        return stamped(clock(), "adopt", self._adoption.model_dump_json())

    def _carry(self, line: bytes) -> None:
        """Hear of the worker until it is over, from one broker after the other."""
        while not self._over.is_set():
            try:
                self._converse(line)
            except ExecutorError as error:
                self._finish(str(error).rstrip("."))
            except OSError as error:
                _log.warning("broker_lost", job=str(self._adoption.job_id), error=str(error))
            if clock() > self._heard_at + self._adoption.lease_seconds:
                self._finish("it could not be reached any more")
            self._over.wait(_PAUSE_SECONDS)
            line, self._adopting = self._adopt_line(), True

    def _converse(self, line: bytes) -> None:
        with self._connect() as channel:
            channel.sendall(line)
            with self._guard:
                self._channel = channel
            if self._stopping:
                self.stop()
            if self._killing:
                self.kill()
            try:
                with channel.makefile("rb") as heard:
                    for each in heard:
                        self._take(each.decode().rstrip("\n"))
            finally:
                with self._guard:
                    self._channel = None
                if self._is_kept:
                    self._is_kept, self._heard_at = False, clock()

    def _take(self, line: str) -> None:
        match line.split(" ", 1):
            case ["begun"]:
                self._begun = self._is_kept = True
                self._news.set()
            case ["waits", why] if not self._adopting:
                self.obstacle = why
                self._finish(why)
            case ["waits", _] if not self._begun:
                self._finish("the cluster cannot be reached")
            case ["failed", text]:
                self._folder.append(Failed.model_validate_json(text))
                self._finish("it cannot run there")
            case ["gone", why]:
                self._finish(why)

    def _finish(self, ending: str) -> None:
        if not self._over.is_set():
            self.ending = ending
            self._over.set()
            self._news.set()

    def _say(self, line: bytes) -> None:
        """Words while there is no broker are lost: a stop is said again, a lease is kept the next time."""
        with self._guard, suppress(OSError):
            if self._channel:
                self._channel.sendall(line)
