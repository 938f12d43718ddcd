"""Runs a benchmark by name: `python -m bench NAME`; `train` and `infer` take names of what to measure too."""

import importlib
import json
import sys
from pathlib import Path

from rich.console import Console
from rich.table import Table

NAMES = sorted(path.stem for path in Path(__file__).parent.glob("[!_]*.py") if path.stem != "house")


def main(arguments: list[str]) -> int:
    """Run the named benchmark, show its figures, and fail when one misses its limit."""
    if not arguments or arguments[0] not in NAMES:
        sys.stderr.write(f"usage: make bench NAME, with NAME one of {', '.join(NAMES)}\n")
        return 2
    name, *chosen = arguments
    module = importlib.import_module(f"bench.{name}")
    known: tuple[str, ...] = getattr(module, "CHOICES", ())
    if unknown := [one for one in chosen if one not in known]:
        there = f"there are {', '.join(known)}" if known else "it takes none"
        sys.stderr.write(f"bench {name} does not know {', '.join(unknown)}: {there}\n")
        return 2
    figures = module.run(chosen) if chosen else module.run()
    table = Table("figure", "value", "limit", title=f"bench {name}")
    for figure in figures:
        table.add_row(figure.name, f"{figure.value:.4g} {figure.unit}", figure.limit_text)
    Console().print(table)
    sys.stdout.write(json.dumps({name: {one.name: one.value for one in figures}}) + "\n")
    missed = [figure.name for figure in figures if figure.missed]
    if missed:
        sys.stderr.write(f"beyond the limit: {', '.join(missed)}\n")
    return 1 if missed else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
