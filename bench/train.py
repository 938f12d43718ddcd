"""Each architecture's training against the plain loop of the library that its model comes from.

Both loops take turns, epoch by epoch in one process and on the same batches, so that a machine whose speed
drifts slows both. Once they compute alike: the same model, precision and optimiser. Once each does what it
does unasked: ours tries what is fastest here, theirs is plain fp32. Loading is left out of both, and what of
it keeps our loop waiting is told apart.
"""

import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from pathlib import Path

from bench._contest import BATCHES, Contest, Turn, case_of
from bench._memory import OURS, THEIRS
from bench.house import Figure
from bench.learn.__main__ import CASES
from tunesmith.training.engine.numerics import Numerics

CHOICES = tuple(case.network for case in CASES)
LEAST = 0.95
PAIRS, LONGEST_PAIRS = 9, 5
_LONG_SECONDS = 4.0  # of a pair
_MB = 1 << 20


def run(networks: Sequence[str] = CHOICES) -> list[Figure]:
    """Images per second, and peak memory, of the architectures."""
    figures: list[Figure] = []
    for network in networks:
        with tempfile.TemporaryDirectory() as folder:
            figures += _figures(network, Path(folder))
    return figures


def _figures(network: str, folder: Path) -> Iterator[Figure]:
    case_of(network).write(folder)
    memory = {side: _peak(network, side, folder) for side in (OURS, THEIRS)}
    contest = Contest.of(network, folder, BATCHES)
    peer = contest.peer()
    alike = _pairs(contest.ours(Numerics()), contest.theirs(peer, fused=True))
    chosen = contest.chosen()
    unasked = _pairs(contest.ours(chosen), contest.theirs(contest.peer(), fused=False))
    loop = f"{network}, loop on {peer.library}'s model"
    yield Figure(f"{network}: ours", contest.images / alike[0], "images/s")
    yield Figure(loop, contest.images / alike[1], "images/s")
    yield Figure(f"{network}: ours / loop", alike[2], least=LEAST)
    yield Figure(f"{network}: our defaults ({chosen})", contest.images / unasked[0], "images/s")
    yield Figure(f"{network}: our defaults / {peer.library}'s", unasked[2])
    yield Figure(f"{network}: peak memory", memory[OURS] / _MB, "MB")
    yield Figure(f"{network}: peak memory, ours / loop", memory[OURS] / memory[THEIRS])


def _pairs(ours: Turn, theirs: Turn) -> tuple[float, float, float]:
    """The median seconds of both, and the median of their ratio: how many times as fast ours is."""
    first = _seconds(ours, 1) + _seconds(theirs, 1)  # they prepare kernels
    pairs = PAIRS if first < _LONG_SECONDS else LONGEST_PAIRS
    mine, other = [], []
    for epoch in range(2, pairs + 2):
        # Each is first in turn: who follows finds caches and clocks as the other leaves them.
        if epoch % 2:
            mine.append(_seconds(ours, epoch))
            other.append(_seconds(theirs, epoch))
        else:
            other.append(_seconds(theirs, epoch))
            mine.append(_seconds(ours, epoch))
    ratios = [theirs / ours for ours, theirs in zip(mine, other, strict=True)]
    return statistics.median(mine), statistics.median(other), statistics.median(ratios)


def _seconds(turn: Turn, epoch: int) -> float:
    begun = time.perf_counter()
    turn(epoch)
    return time.perf_counter() - begun


def _peak(network: str, side: str, folder: Path) -> int:
    """The most memory in bytes that a process has that trains a few steps in its own way."""
    command = [sys.executable, "-m", "bench._memory", network, side, str(folder)]
    found = subprocess.run(command, check=True, capture_output=True, text=True)
    return int(found.stdout.split()[-1])
