"""Tells those who follow a job that there is something new: in its log, or in its state.

Within this process, from any thread, once what is new can be read. Another server of the same database has
to be told by other means (see `jobs.followers`), and then calls `NEWS.tell` too.
"""

import asyncio
import threading
from collections import defaultdict
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from uuid import UUID


class Bell:
    """Wakes one follower, on the event loop that made it."""

    def __init__(self) -> None:
        self._loop = asyncio.get_running_loop()
        self._rung = asyncio.Event()

    def ring(self) -> None:
        """From any thread; several rings before a look count as one."""
        with suppress(RuntimeError):  # the loop is closed: nobody follows any more
            self._loop.call_soon_threadsafe(self._rung.set)

    async def wait(self, seconds: float) -> bool:
        """Until it was rung, or the time is over (False)."""
        try:
            await asyncio.wait_for(self._rung.wait(), seconds)
        except TimeoutError:
            return False
        self._rung.clear()
        return True


class News:
    """The bells of everybody who follows a job here."""

    def __init__(self) -> None:
        self._bells: defaultdict[UUID, set[Bell]] = defaultdict(set)
        self._guard = threading.Lock()

    @contextmanager
    def following(self, job_id: UUID) -> Iterator[Bell]:
        """A bell that rings for this job."""
        bell = Bell()
        with self._guard:
            self._bells[job_id].add(bell)
        try:
            yield bell
        finally:
            with self._guard:
                self._bells[job_id].discard(bell)
                if not self._bells[job_id]:
                    del self._bells[job_id]

    def tell(self, job_id: UUID) -> None:
        """There is something new of this job."""
        if job_id not in self._bells:
            return
        with self._guard:
            bells = tuple(self._bells.get(job_id, ()))
        for bell in bells:
            bell.ring()

    def tell_all(self) -> None:
        """Wake everybody."""
        for job_id in self.followed():
            self.tell(job_id)

    def followed(self) -> tuple[UUID, ...]:
        """The jobs that somebody follows."""
        with self._guard:
            return tuple(self._bells)


NEWS = News()
