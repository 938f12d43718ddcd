"""Runs a benchmark by name: `python -m bench NAME`."""

import importlib
import json
import sys
from pathlib import Path

from rich.console import Console
from rich.table import Table

NAMES = sorted(path.stem for path in Path(__file__).parent.glob("[!_]*.py") if path.stem != "house")


def main(arguments: list[str]) -> int:
    """Run the named benchmark, show its figures, and fail when one misses its limit."""
    if len(arguments) != 1 or arguments[0] not in NAMES:
        sys.stderr.write(f"usage: make bench NAME, with NAME one of {', '.join(NAMES)}\n")
        return 2
    name = arguments[0]
    figures = importlib.import_module(f"bench.{name}").run()
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
