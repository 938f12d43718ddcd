"""The documents' commands, run as they stand: only the home folder and the port are the test's own."""

import os
import re
import subprocess
import sys
from pathlib import Path
from socket import AF_INET, SOCK_STREAM, socket

import pytest

ROOT = Path(__file__).parents[2]
BLOCK = re.compile(r"^```bash\n(.*?)^```", re.MULTILINE | re.DOTALL)
SMALL = (
    "num_epochs=1 --set dataset.img_size=32 --set dataset.batch_size=64 --set model.backbone.type=test_resnet"
)
# The installation itself, and what would set up a second environment.
NOT_HERE = ("pip install", "make ")


def blocks(document: str) -> list[str]:
    found = BLOCK.findall((ROOT / document).read_text(encoding="utf-8"))
    return [block for block in found if not block.startswith(NOT_HERE)]


@pytest.fixture
def home(tmp_path: Path) -> dict[str, str]:
    kept = {name: value for name, value in os.environ.items() if not name.startswith("TUNESMITH_")}
    path = f"{Path(sys.executable).parent}{os.pathsep}{kept['PATH']}"
    return kept | {"HOME": str(tmp_path), "PATH": path, "XDG_CONFIG_HOME": str(tmp_path / ".config")}


def free_port() -> int:
    with socket(AF_INET, SOCK_STREAM) as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def test_the_quick_start_and_the_commands_of_the_readme_work(home, tmp_path):
    port = free_port()
    wait = (
        "for attempt in $(seq 100); do "
        "curl --silent --fail http://127.0.0.1:8000/api/v1/health && break; sleep 0.1; done"
    )
    start, *steps = blocks("docs/quickstart.md")
    script = "\n".join(
        [
            "set -eu",
            start,
            "server=$!; trap 'kill $server; wait $server || true' EXIT",
            wait,
            *steps,
            *(block.replace("num_epochs=20", SMALL) for block in blocks("README.md")),
        ]
    ).replace("8000", str(port))
    done = subprocess.run(
        ["bash", "-c", script],
        env=home,
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=560,
        check=False,
    )
    assert done.returncode == 0, f"{done.stdout}\n{done.stderr}"
    assert (tmp_path / "predictions").is_dir()
    assert "best by val_acc_1" in done.stdout


def test_the_commands_on_specs_work_without_a_server(home, tmp_path):
    for block in blocks("docs/specs.md"):
        done = subprocess.run(
            ["bash", "-euc", block], env=home, cwd=tmp_path, capture_output=True, text=True, check=True
        )
        assert "rtdetr" in done.stdout


def test_every_make_target_of_the_documents_is_there():
    words = " ".join(
        (ROOT / name).read_text() for name in ("README.md", "CONTRIBUTING.md", "docs/quickstart.md")
    )
    targets = set(re.findall(r"`?make ([a-z]+)", words)) & {"demo", "serve", "test", "lint", "bench", "clean"}
    assert targets >= {"demo", "serve", "test", "lint", "bench"}
    for target in targets:
        asked = ["make", "--dry-run", target, *(["startup"] if target == "bench" else [])]
        subprocess.run(asked, cwd=ROOT, check=True, capture_output=True)


@pytest.mark.parametrize(
    "document", [*sorted(path.name for path in (ROOT / "docs").glob("*.md")), "../README.md"]
)
def test_links_between_documents_lead_somewhere(document):
    text = (ROOT / "docs" / document).read_text(encoding="utf-8")
    for target in re.findall(r"\]\(([^)#]+?)(?:#[^)]*)?\)", text):
        if "://" not in target:
            assert (ROOT / "docs" / document).parent.joinpath(target).exists(), target
