"""Times models against each other."""

import statistics
import time
from collections.abc import Callable, Sequence

_ROUNDS = 15
_SECONDS = 3.0


def latencies(
    works: Sequence[Callable[[], object]], rounds: int = _ROUNDS, seconds: float = _SECONDS
) -> list[float]:
    """The median seconds of each work, after one round that does not count.

    The works take turns, so that a machine whose speed drifts slows all of them alike. There are fewer rounds
    if they would take longer than `seconds` together.
    """
    taken: list[list[float]] = [[] for _ in works]
    for work in works:
        work()
    begun = time.perf_counter()
    for _ in range(rounds):
        for work, times in zip(works, taken, strict=True):
            start = time.perf_counter()
            work()
            times.append(time.perf_counter() - start)
        if time.perf_counter() - begun > seconds:
            break
    return [statistics.median(times) for times in taken]
