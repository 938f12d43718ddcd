"""Trains a few steps and prints the peak of memory: `python -m bench._memory NETWORK SIDE FOLDER`."""

import sys
from pathlib import Path

from bench._contest import Contest

OURS, THEIRS = "ours", "theirs"
_BATCHES = 4


def main(network: str, side: str, folder: str) -> None:
    """Train on data that lies in the folder, as either side does unasked."""
    contest = Contest.of(network, Path(folder), _BATCHES)
    turn = contest.ours(contest.chosen()) if side == OURS else contest.theirs(contest.peer(), fused=False)
    turn(1)
    sys.stdout.write(f"{_peak_bytes()}\n")


def _peak_bytes() -> int:
    # Not getrusage: a child that is spawned begins there with the peak of its parent.
    lines = Path("/proc/self/status").read_text(encoding="utf-8").splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith("VmHWM")) << 10


if __name__ == "__main__":
    main(*sys.argv[1:])
