"""docs/networks.md has a row for each architecture, and a test in each cell that is there."""

import re
from pathlib import Path

import pytest

from tunesmith.networks import Network, networks

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs" / "networks.md").read_text(encoding="utf-8")
LINES = [line for line in PAGE.splitlines() if line[:1] == "|"]
ROWS = [[cell.strip() for cell in line.strip("|").split("|")] for line in LINES]


def table(first: str) -> list[dict[str, str]]:
    """The rows of the table whose first column has this head."""
    start = next(index for index, row in enumerate(ROWS) if row[0] == first)
    heads = ROWS[start]
    rows = []
    for row in ROWS[start + 2 :]:
        if len(row) != len(heads):
            break
        rows.append(dict(zip(heads, row, strict=True)))
    return rows


@pytest.mark.parametrize("network", networks().values(), ids=lambda network: network.arch)
def test_every_action_has_a_cell_with_a_test_that_exists(network: Network):
    (row,) = [row for row in table("architecture") if row["architecture"] == f"`{network.arch}`"]
    for action in network.actions:
        names = re.findall(r"`([\w/.]+)`", row[action.value])
        assert names, f"{network.arch} {action.value} has no test"
        for name in names:
            assert list((ROOT / "tests").rglob(f"{name}.py")), f"there is no test file {name}"
