"""docs/datasets.md lists every type and format of datasets with its uses and files, as they are."""

import re
from pathlib import Path

import pytest

from tunesmith.data.layout import Layout, Need
from tunesmith.data.layouts import layouts
from tunesmith.data.types import DATASET_TYPES, formats_of

DOCUMENT = (Path(__file__).parents[2] / "docs" / "datasets.md").read_text(encoding="utf-8")
ROWS = re.findall(r"^\| `[a-z_]+` \| `[a-z_0-9]+` \| .* \|$", DOCUMENT, re.MULTILINE)


def row(layout: Layout) -> str:
    uses = ", ".join(layout.intents)
    files = "; ".join(files_of(need) for need in layout.needs)
    return f"| `{layout.type}` | `{layout.format}` | {uses} | {files} |"


def files_of(need: Need) -> str:
    names = need.called or " or ".join(f"`{name}`" for name in need.any_of)
    return f"{names} (for {need.intent})" if need.intent else names


@pytest.mark.parametrize("pair", layouts())
def test_a_format_is_documented_with_its_uses_and_files(pair: tuple[str, str]) -> None:
    assert row(layouts()[pair]) in ROWS


def test_each_format_of_each_type_is_documented_once() -> None:
    pairs = [(kind, form) for kind in DATASET_TYPES for form in formats_of(kind)]
    assert [tuple(re.findall("`([a-z_0-9]+)`", line)[:2]) for line in ROWS] == pairs
