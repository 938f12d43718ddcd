"""Wakes whoever watches a job whose worker reports over HTTP: a report has arrived."""

import threading
from collections import defaultdict
from collections.abc import Callable
from uuid import UUID

Wake = Callable[[], object]


class Arrivals:
    """Who is to be woken for which job. All methods may be called from any thread."""

    def __init__(self) -> None:
        self._wakes: defaultdict[UUID, list[Wake]] = defaultdict(list)
        self._guard = threading.Lock()

    def subscribe(self, job_id: UUID, wake: Wake) -> Callable[[], None]:
        """Call `wake` after each report of the job, until what is returned is called, once or more often.

        `wake` must not wait: `threading.Event().set` is one. A report that arrived before is not told of.
        """
        with self._guard:
            self._wakes[job_id].append(wake)
        ended = threading.Event()

        def end() -> None:
            with self._guard:
                if not ended.is_set():
                    ended.set()
                    self._wakes[job_id].remove(wake)
                    if not self._wakes[job_id]:
                        del self._wakes[job_id]

        return end

    def tell(self, job_id: UUID) -> None:
        """A report of the job has arrived, and can be read in its folder."""
        with self._guard:
            wakes = tuple(self._wakes.get(job_id, ()))
        for wake in wakes:
            wake()

    def __len__(self) -> int:
        """How many jobs somebody waits for."""
        return len(self._wakes)


ARRIVALS = Arrivals()
"""Those of this process."""
