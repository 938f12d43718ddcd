"""The example notebooks: they come as one archive, and each runs from its first cell to its last."""

import hashlib
import io
import json
import os
import re
import subprocess
import sys
import zipfile
from pathlib import Path
from typing import Any

import pytest
from tests.live_server import Server

from tunesmith.server import console

FOLDER = Path(console.__file__).parent / "notebooks"
NAMES = sorted(path.name for path in FOLDER.glob("*.ipynb"))
RIGHT = re.compile(r"(\d+) of (\d+) test images are right")


def notebook(name: str) -> dict[str, Any]:
    found: dict[str, Any] = json.loads((FOLDER / name).read_text(encoding="utf-8"))
    return found


def code_of(name: str) -> str:
    cells = [cell for cell in notebook(name)["cells"] if cell["cell_type"] == "code"]
    return "\n\n".join("".join(cell["source"]) for cell in cells)


@pytest.mark.shows("GET /tao_api_notebooks.zip")
@pytest.mark.parametrize("prefix", ["", "/api/v1", "/default/api/v1"])
def test_the_archive_holds_all_notebooks_and_needs_no_login(server: Server, prefix: str) -> None:
    reply = server.client.get(f"{server.url}{prefix}/tao_api_notebooks.zip")
    assert reply.status_code == 200
    assert reply.headers["Content-Type"] == "application/zip"
    with zipfile.ZipFile(io.BytesIO(reply.content)) as archive:
        assert archive.namelist() == [f"notebooks/{name}" for name in NAMES]
        for name in NAMES:
            assert archive.read(f"notebooks/{name}") == (FOLDER / name).read_bytes()


def test_another_server_sends_the_same_bytes() -> None:
    ask = "import hashlib; from tunesmith.server.console.notebooks import archive; "
    ask += "print(hashlib.sha256(archive()).hexdigest())"
    sums = {
        subprocess.run([sys.executable, "-c", ask], capture_output=True, text=True, check=True).stdout
        for _ in range(2)
    }
    assert len(sums) == 1
    assert len(sums.pop().strip()) == hashlib.sha256().digest_size * 2


@pytest.mark.parametrize("name", NAMES)
def test_a_notebook_is_clean_and_says_its_licence(name: str) -> None:
    found = notebook(name)
    assert (found["nbformat"], found["nbformat_minor"]) == (4, 5)
    assert len({cell["id"] for cell in found["cells"]}) == len(found["cells"])
    for cell in found["cells"]:
        if cell["cell_type"] == "code":
            assert cell["outputs"] == []
            assert cell["execution_count"] is None
    assert "Apache-2.0" in "".join(found["cells"][0]["source"])


@pytest.mark.parametrize("name", NAMES)
def test_a_notebook_runs_from_login_to_predictions(server: Server, tmp_path: Path, name: str) -> None:
    """Cell after cell in one namespace, as a kernel does, in a process that knows only its settings."""
    settings = {
        "TUNESMITH_URL": server.url,
        "TUNESMITH_ORG": server.org,
        "TUNESMITH_API_KEY": server.api_key,
        "EXAMPLE_WORKSPACE": str(server.folder(name)),
        "EXAMPLE_IMAGES": "400",
        "EXAMPLE_EPOCHS": "10",
        "EXAMPLE_BACKBONE": "test_resnet",
        "NO_PROXY": "127.0.0.1",
    }
    ours = {key: value for key, value in os.environ.items() if not key.startswith("TUNESMITH_")}
    done = subprocess.run(
        [sys.executable, "-c", code_of(name)],
        env=ours | settings | {"HOME": str(tmp_path)},
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    assert done.returncode == 0, f"{done.stdout}\n{done.stderr}"
    found = RIGHT.search(done.stdout)
    assert found, done.stdout
    right, images = int(found[1]), int(found[2])
    assert images == 60
    assert right > images / 2, "chance is a tenth"


def test_the_notebook_of_the_rest_api_needs_no_client_of_ours() -> None:
    assert "tunesmith." not in code_of("rest_api.ipynb")
    assert not re.search(
        r"^(import|from) (requests|httpx|tunesmith)", code_of("rest_api.ipynb"), re.MULTILINE
    )
