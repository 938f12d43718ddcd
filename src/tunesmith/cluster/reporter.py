"""Tells the server what the worker beside it writes, from where the server cannot read it."""

import random
import threading
from collections.abc import Callable

import structlog

from tunesmith.cluster.line import Answer, Line, PutOff, Refused, TooLarge, Unheard
from tunesmith.cluster.outbox import Outbox
from tunesmith.protocol import Gap, JobFolder, Lease, Receipt
from tunesmith.protocol.lease import clock

_FIRST_PAUSE_SECONDS = 0.1
_LONGEST_PAUSE_SECONDS = 2.0
_ASKS_A_LEASE = 6

_log = structlog.get_logger()


class Reporter:
    """Sends what is new in a job folder, in a thread of its own, until the attempt is over.

    A poke leads to a report at once; what is written while one is under way goes with the next. A server that
    is away is tried again and again. When it is back, or another one in its place, it gets all that it lacks.
    """

    def __init__(
        self,
        folder: JobFolder,
        url: str,
        token: str,
        attempt: int,
        on_lost: Callable[[], None],
        *,
        lease_seconds: float = 30.0,
    ) -> None:
        """Args:
        folder: the folder of this node in which the worker writes; it was empty when the attempt began. An
            earlier reporter may have sent a part of it.
        url: where the server takes reports of the job.
        token: the job's token; each reply brings the next one.
        attempt: the number of the attempt.
        on_lost: called once, in the reporter's thread, when the worker is to end: the server does not run
            the job by this attempt any more, or was not heard for two thirds of the lease.
        lease_seconds: how long the server's lease on the job is.
        """
        self._outbox = Outbox(folder)
        self._url, self._token, self._attempt = url, token, attempt
        self._on_lost = on_lost
        self._seconds = lease_seconds / _ASKS_A_LEASE
        """How long the server may be silent in a request, and how long it is not asked if nothing is new."""
        self._lease = Lease(lease_seconds, clock())
        self._lease.renew(clock())
        self._ask_at = clock() + (self._seconds if self._outbox.known else 0)
        self._failures = 0
        self._lost = self._over = False
        self._finishing = self._closed = self._delivered = False
        self._news = threading.Event()
        self._hurry = threading.Event()
        self._thread = threading.Thread(target=self._run, name="reporter", daemon=True)

    def start(self) -> None:
        """Begin; returns at once."""
        self._thread.start()

    def poke(self) -> None:
        """There may be something new in the folder. From any thread."""
        self._news.set()

    def redirect(self, url: str) -> None:
        """Another server has the job: report there from now on."""
        self._url = url
        self._wake()

    def finish(self, timeout: float) -> bool:
        """The worker is gone: send the rest, for at most so many seconds. Whether all was delivered."""
        self._finishing = True
        self._wake()
        self._thread.join(timeout)
        self._closed = True
        self._wake()
        return self._delivered

    def _wake(self) -> None:
        self._hurry.set()
        self._news.set()

    def _run(self) -> None:
        url = self._url
        line = Line(url, self._seconds)
        try:
            while not (self._closed or self._over or self._delivered):
                self._news.clear()  # before anything is looked at that comes with a poke
                if url != self._url:
                    line.close()
                    url = self._url
                    line = Line(url, self._seconds)
                self._step(line)
        finally:
            line.close()
            if not (self._closed or self._delivered):
                self._lose("nothing is reported any more")

    def _step(self, line: Line) -> None:
        """Send what is new, or wait for it."""
        last = self._finishing  # read before the files: nothing is written once it is set
        try:
            report = self._outbox.report(self._attempt)
        except OSError as error:
            self._put_off(f"the job folder cannot be read: {error}")
            return
        now = clock()
        if self._outbox.known and not (report.events or report.log) and (last or now < self._ask_at):
            self._delivered = last
            self._news.wait(0 if last else self._ask_at - now)
            return
        self._ask_at = now + self._seconds
        self._hear(line.send(report, self._token), now)

    def _hear(self, answer: Answer, asked: float) -> None:
        """Do what the answer to a report asks for, which was sent at that time."""
        match answer:
            case Receipt():
                self._failures = 0
                self._token = answer.token
                self._outbox.take(answer.events_offset, answer.log_offset)
                if answer.held:
                    self._lease.renew(asked)
                else:
                    self._lose("the server does not run the job any more")
            case Gap():
                self._lease.renew(asked)
                self._outbox.take(answer.events_offset, answer.log_offset)
                self._put_off("the server has less than it had")
            case PutOff(why):
                self._lease.renew(asked)
                self._put_off(why)
            case TooLarge(why):
                if not self._outbox.cut():
                    self._put_off(why)
            case Unheard(why):
                self._put_off(why)
            case Refused(why):
                self._over = True
                self._lose(why)

    def _put_off(self, why: str) -> None:
        """Wait before the next attempt. A worker whose server is not heard for too long is to end."""
        if self._failures == 0:
            _log.warning("report_put_off", why=why)
        full: float = min(_FIRST_PAUSE_SECONDS * 2**self._failures, _LONGEST_PAUSE_SECONDS)
        self._failures += 1
        self._hurry.wait(full * random.uniform(0.5, 1.0))  # noqa: S311 - spreads load, guards nothing
        self._hurry.clear()
        if clock() >= self._lease.stop_at:
            self._lose(f"no server was heard for two thirds of the lease: {why}")

    def _lose(self, why: str) -> None:
        """Have the worker end, once. One that has said how the job ended does so by itself."""
        if not (self._lost or self._outbox.ended):
            self._lost = True
            _log.warning("job_lost", why=why)
            self._on_lost()
