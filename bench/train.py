"""Each architecture's training against the plain loop of the library that its model comes from.

Both loops take turns, epoch by epoch in one process and on the same batches. Once they compute alike: the
same model, precision, threads and optimiser. That ratio is of processor time: what else the machine does is
not in it. Once each does what it does unasked: ours tries what is fastest here, theirs is plain fp32 on all
threads. Both get batches that are in memory already, each from a loader of its own; how long loading keeps
our loop waiting is a figure of its own.
"""

import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

from bench._contest import Contest, Turn, case_of
from bench._memory import OURS, THEIRS
from bench.house import Figure
from bench.learn.__main__ import CASES
from tunesmith.training.engine.numerics import Numerics

CHOICES = tuple(case.network for case in CASES)
LEAST = 0.95
BATCHES = 4
MORE_BATCHES = {"classification_pyt": 16, "classification_tf2": 16, "mae": 16}  # of short steps
FEWEST, MOST = 7, 25
_SECONDS = 15.0  # of all turns, as far as there are not too few or too many
_MB = 1 << 20


def run(networks: Sequence[str] = CHOICES) -> list[Figure]:
    """Images per second, and peak memory, of the architectures."""
    figures: list[Figure] = []
    for network in networks:
        with tempfile.TemporaryDirectory() as folder:
            found = list(_figures(network, Path(folder)))
        for figure in found:
            sys.stderr.write(f"{figure.name} {figure.value:.4g} {figure.unit}\n")
        figures += found
    return figures


def _figures(network: str, folder: Path) -> Iterator[Figure]:
    case_of(network).write(folder)
    memory = {side: _peak(network, side, folder) for side in (OURS, THEIRS)}
    contest = Contest.of(network, folder, MORE_BATCHES.get(network, BATCHES))
    peer = contest.peer()
    alike = _pairs(contest.ours(Numerics()), contest.theirs(peer, fused=True))
    chosen = contest.chosen()
    unasked = _pairs(contest.ours(chosen), contest.theirs(contest.peer(), fused=False))
    worked = statistics.median(b.worked / a.worked for a, b in zip(*alike, strict=True))
    gained = statistics.median(b.seconds / a.seconds for a, b in zip(*unasked, strict=True))
    yield Figure(f"{network}: ours", _rate(contest.images, alike[0]), "images/s")
    yield Figure(f"{network}: plain loop, {peer.library}", _rate(contest.images, alike[1]), "images/s")
    yield Figure(f"{network}: ours / plain loop", worked, least=LEAST)
    yield Figure(f"{network}: our defaults ({chosen})", _rate(contest.images, unasked[0]), "images/s")
    yield Figure(f"{network}: our defaults / plain loop's", gained)
    yield Figure(f"{network}: waiting for data, of our defaults' time", 100 * contest.waiting(chosen), "%")
    yield Figure(f"{network}: peak memory", memory[OURS] / _MB, "MB")
    yield Figure(f"{network}: peak memory, ours / plain loop", memory[OURS] / memory[THEIRS])


class Spent(NamedTuple):
    """What an epoch took: seconds, and seconds of the processor's threads."""

    seconds: float
    worked: float


def _pairs(ours: Turn, theirs: Turn) -> tuple[list[Spent], list[Spent]]:
    """What epochs of both take, in turn."""
    first = _spent(ours, 1).seconds + _spent(theirs, 1).seconds  # they prepare kernels
    mine: list[Spent] = []
    other: list[Spent] = []
    for epoch in range(2, 2 + max(FEWEST, min(MOST, int(_SECONDS / first)))):
        # Each is first in turn: who follows finds caches and clocks as the other leaves them.
        order = ((ours, mine), (theirs, other))
        for turn, taken in order if epoch % 2 else reversed(order):
            taken.append(_spent(turn, epoch))
    return mine, other


def _spent(turn: Turn, epoch: int) -> Spent:
    begun, worked = time.perf_counter(), time.process_time()
    turn(epoch)
    return Spent(time.perf_counter() - begun, time.process_time() - worked)


def _rate(images: int, taken: Sequence[Spent]) -> float:
    return images / statistics.median(one.seconds for one in taken)


def _peak(network: str, side: str, folder: Path) -> int:
    """The most memory in bytes that a process has that trains a few steps in its own way."""
    command = [sys.executable, "-m", "bench._memory", network, side, str(folder)]
    found = subprocess.run(command, check=True, capture_output=True, text=True)
    return int(found.stdout.split()[-1])
