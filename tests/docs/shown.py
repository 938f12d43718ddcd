"""What the tests show, told by their `shows` markers: `python -m tests.docs.shown` writes the page of it.

As a plugin of a collecting pytest it writes the marked tests, by what they show, to the file named by SHOWN.
"""

import json
import os
import subprocess
import sys
import tempfile
from collections import defaultdict
from collections.abc import Iterable
from pathlib import Path

import pytest

from tunesmith.data.layouts import layouts
from tunesmith.networks import networks
from tunesmith.networks.coverage import coverage

ROOT = Path(__file__).parents[2]
PAGE = ROOT / "docs" / "compatibility.md"
PUBLISHED = ROOT / "tests" / "contract" / "openapi.json"
COLLECTED = ("contract", "data", "server", "storage", "client", "e2e", "networks")
ORG = "/orgs/{org_name}"
BESIDE = (
    "GET /",
    "GET /openapi.json",
    "GET /openapi.yaml",
    "GET /swagger",
    "GET /redoc",
    "GET /rapipdf",
    "GET /version",
    "GET /tao_api_notebooks.zip",
    "GET /health",
    "GET /health/liveness",
    "GET /health/readiness",
    "GET /auth",
    "GET /metrics",
    "POST /metrics",
    "GET /datasets:get_formats",
    "GET /specs/{action}/schema",
    "GET /experiments:get_tags",
    "GET /experiments/{experiment_id}/jobs/{job_id}:list_files",
    "GET /experiments/{experiment_id}/jobs/{job_id}:download_selective_files",
    "POST /experiments/{experiment_id}/jobs/{job_id}:status_update",
    "POST /experiments/{experiment_id}/jobs/{job_id}:log_update",
    "POST /workspaces/{workspace_id}/backup",
    "POST /workspaces/{workspace_id}/restore",
)
"""Routes that clients use and the published document leaves out."""

_HEAD = """# What clients of the TAO API find here

Every operation of the published API 6.0.0, every route that its clients use beside that, and every format of
every dataset type, with a test that shows it. Paths are below `/api/v1` (and `/default/api/v1`) and, where
they do not begin otherwise, below `/orgs/{org_name}`. At the end: how many of the published keys of each
network act here. `python -m tests.docs.shown` writes this page.
"""


def pytest_collection_finish(session: pytest.Session) -> None:
    """Write what the collected tests are marked with."""
    found: dict[str, list[str]] = defaultdict(list)
    for item in session.items:
        for mark in item.iter_markers("shows"):
            for thing in mark.args:
                found[thing].append(item.nodeid.partition("[")[0])
    Path(os.environ["SHOWN"]).write_text(json.dumps(found), encoding="utf-8")


def collect() -> dict[str, list[str]]:
    """The names of the tests that show each thing."""
    fuzzing = f"--ignore={ROOT / 'tests' / 'contract' / 'test_contract_fuzzing.py'}"  # it is slow to collect
    with tempfile.TemporaryDirectory() as folder:
        target = Path(folder) / "shown.json"
        command = [sys.executable, "-m", "pytest", "--collect-only", "-qq", "-p", "tests.docs.shown"]
        folders = [str(ROOT / "tests" / name) for name in COLLECTED]
        subprocess.run(
            [*command, fuzzing, *folders],
            cwd=ROOT,
            env=os.environ | {"SHOWN": str(target)},
            check=True,
            capture_output=True,
        )
        found: dict[str, list[str]] = json.loads(target.read_text(encoding="utf-8"))
    return found


def published() -> list[str]:
    """The operations of the published document."""
    paths = json.loads(PUBLISHED.read_text(encoding="utf-8"))["paths"]
    return [f"{method.upper()} {_short(path)}" for path, methods in paths.items() for method in methods]


def formats() -> list[str]:
    """Every dataset type with each of its formats."""
    return [f"dataset {kind}/{form}" for kind, form in layouts()]


def page(shown: dict[str, list[str]]) -> str:
    """The page, from what the tests show."""
    tables = (
        ("Published operations", published()),
        ("Routes beside them", BESIDE),
        ("Datasets: type/format", [one.removeprefix("dataset ") for one in formats()]),
    )
    named = {one.removeprefix("dataset "): tests for one, tests in shown.items()}
    return _HEAD + "".join(_table(title, things, named) for title, things in tables) + _keys()


def _table(title: str, things: Iterable[str], shown: dict[str, list[str]]) -> str:
    rows = (f"| `{thing}` | {_test(shown.get(thing))} |\n" for thing in things)
    return f"\n## {title}\n\n| | shown by |\n|---|---|\n" + "".join(rows)


def _keys() -> str:
    """The table of what becomes of the published keys, as `tunesmith specs coverage` counts them."""
    counted = [coverage(network) for network in networks().values()]
    rows = (
        f"| `{one.arch}` | {one.published} | {one.acting} | {len(one.inert)} | {len(one.missing)} |\n"
        for one in counted
    )
    head = "| network | keys | acting | inert, with a reason | missing |\n|---|---|---|---|---|\n"
    return f"\n## Keys of the specs\n\n{head}" + "".join(rows)


def _test(tests: list[str] | None) -> str:
    if not tests:
        return "no test"
    file, _, name = tests[0].partition("::")
    return f"[{name}](../{file})"


def _short(path: str) -> str:
    return path.removeprefix("/api/v1").removeprefix(ORG)


if __name__ == "__main__":
    PAGE.write_text(page(collect()), encoding="utf-8")
