"""`python -m bench.learn [NETWORK ...]`: trains the networks named, or all, and shows a table."""

import json
import sys
import tempfile
from datetime import UTC, datetime
from pathlib import Path

from bench.learn import auto_labelling, classification, detection, masks, pretraining, segmentation
from bench.learn.case import Case, Learnt, learn

CASES: tuple[Case, ...] = (
    *classification.CASES,
    *pretraining.CASES,
    *detection.CASES,
    *segmentation.CASES,
    *masks.CASES,
    *auto_labelling.CASES,
)


def main(names: list[str]) -> int:
    """Train, show what was learnt as a table in Markdown, and fail where it is too little."""
    known = {case.network for case in CASES}
    if unknown := set(names) - known:
        sys.stderr.write(f"{', '.join(sorted(unknown))}: there are {', '.join(sorted(known))}\n")
        return 2
    found = []
    for case in CASES:
        if not names or case.network in names:
            with tempfile.TemporaryDirectory() as folder:
                found += learn(case, Path(folder))
    sys.stdout.write(table(found))
    figures = {one.name: {one.metric: one.value, "seconds": one.seconds} for one in found}
    sys.stdout.write(json.dumps({"learn": figures}) + "\n")
    missed = [one.name for one in found if not one.enough]
    if missed:
        sys.stderr.write(f"learnt too little: {', '.join(missed)}\n")
    return 1 if missed else 0


def table(found: list[Learnt]) -> str:
    """What was learnt, for docs/networks.md."""
    lines = [
        f"Trained on {datetime.now(UTC):%Y-%m-%d}:",
        "",
        "| network | data | metric | reached | at least | training |",
        "|---|---|---|---|---|---|",
    ]
    lines += [
        f"| {one.name} | {one.case.data} | {one.metric} | {one.value:.3f} | "
        f"{one.least:.2f} | {one.seconds:.0f} s |"
        for one in found
    ]
    return "\n".join(lines) + "\n"


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
