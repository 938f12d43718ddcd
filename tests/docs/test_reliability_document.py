"""docs/reliability.md names tests that there are."""

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
DOCUMENT = (ROOT / "docs" / "reliability.md").read_text(encoding="utf-8")
NAMED = re.findall(r"`(tests/[\w/]+\.py)::(\w+)`", DOCUMENT)


def test_each_fault_names_a_test():
    rows = [line for line in DOCUMENT.splitlines() if line.startswith("| ")]
    faults = [row for row in rows if not row.startswith("| fault")]
    assert len(NAMED) == len(faults) > 25


@pytest.mark.parametrize(("file", "test"), NAMED, ids=[test for _, test in NAMED])
def test_a_test_that_is_named_exists(file: str, test: str):
    assert f"def {test}(" in (ROOT / file).read_text(encoding="utf-8")
