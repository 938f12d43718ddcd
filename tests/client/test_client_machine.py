"""What the client fetches of the server itself: its metrics and its notebooks."""

import io
import json
import zipfile
from pathlib import Path

import pytest
from tests.client.tiny_server import Reply, TinyServer
from tests.live_server import Server
from typer.testing import CliRunner

from tunesmith.client import Client, UnsafeArchiveError
from tunesmith.client.commands import build


def zipped(**files: str) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in files.items():
            archive.writestr(name, content)
    return buffer.getvalue()


def test_metrics_are_read_with_the_clients_own_login(server: Server) -> None:
    with Client(server.url, server.org, api_key=server.api_key) as client:
        assert "tunesmith_build_info{" in client.metrics()


def test_notebooks_are_fetched_by_a_command_without_a_login(
    server: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    config = tmp_path / "config.json"
    config.write_text(json.dumps({"url": server.url}))
    monkeypatch.setenv("TUNESMITH_CONFIG", str(config))
    result = CliRunner().invoke(build(), ["notebooks", "--to", str(tmp_path / "books")])
    assert result.exit_code == 0, result.output
    written = [Path(line) for line in result.stdout.splitlines()]
    assert [path.name for path in written] == ["python_sdk.ipynb", "rest_api.ipynb"]
    assert all(json.loads(path.read_text())["nbformat"] == 4 for path in written)
    as_json = CliRunner().invoke(build(), ["notebooks", "--to", str(tmp_path / "books"), "--json"])
    assert json.loads(as_json.stdout) == [str(path) for path in written]


@pytest.mark.parametrize("name", ["../../evil.ipynb", "/tmp/evil.ipynb", "a/b/evil.ipynb", "..\\evil.ipynb"])
def test_no_notebook_is_written_elsewhere(tiny: TinyServer, tmp_path: Path, name: str) -> None:
    tiny.on("GET", "/tao_api_notebooks.zip", Reply(body=zipped(**{name: "{}"})))
    with Client(tiny.url, "acme") as client:
        assert client.notebooks(tmp_path / "books") == [tmp_path / "books" / "evil.ipynb"]
    assert [path.name for path in tmp_path.iterdir()] == ["books"]


WHOLE = zipped(**{"a.ipynb": "{}" * 1000})


@pytest.mark.parametrize("content", [b"", b"no archive", WHOLE[:-30], WHOLE[:40] + b"????" + WHOLE[44:]])
def test_a_damaged_archive_is_told(tiny: TinyServer, tmp_path: Path, content: bytes) -> None:
    tiny.on("GET", "/tao_api_notebooks.zip", Reply(body=content))
    with Client(tiny.url, "acme") as client, pytest.raises(UnsafeArchiveError, match="damaged"):
        client.notebooks(tmp_path)
