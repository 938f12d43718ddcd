"""The server as its operator meets it: starting, stopping, and what stands in the way."""

import signal
import socket
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import httpx
import pytest
from tests.live_server import Installation, Server

from tunesmith.server import commands

Refused = Callable[..., str]


@pytest.fixture
def refused(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], logs_put_back: None
) -> Refused:
    """What `serve` says when it cannot start with these variables."""

    def said(**environment: str) -> str:
        for name, value in environment.items():
            monkeypatch.setenv(name, value)
        with pytest.raises(SystemExit) as ended:
            commands.serve()
        assert ended.value.code == 1
        return capsys.readouterr().err

    return said


def test_it_says_where_it_listens_and_how_to_begin(tmp_path: Path) -> None:
    fresh = Installation(tmp_path)
    greeting = fresh.start()
    assert fresh.url in greeting
    assert "tunesmith keys create" in greeting
    assert "tunesmith login" in greeting
    assert str(fresh.data_dir) in greeting
    assert fresh.stop() == 0
    fresh.create_key("acme", "ada")
    greeting = fresh.start()
    assert "tunesmith keys create" not in greeting
    assert fresh.stop() == 0


def test_it_keeps_what_it_knew_over_a_restart(tmp_path: Path) -> None:
    restarted = Server(tmp_path)
    identity = restarted.local_workspace(restarted.folder("kept"))
    token = restarted.login()
    port = httpx.URL(restarted.url).port
    assert port
    assert restarted.stop() == 0
    restarted.start(port)
    url = f"{restarted.url}/api/v1/orgs/acme/workspaces/{identity}"
    assert httpx.get(url, headers={"Authorization": f"Bearer {token}"}).status_code == 200
    restarted.process.send_signal(signal.SIGINT)
    assert restarted.process.wait(30) == 0


def test_two_servers_do_not_share_a_data_folder(server: Server) -> None:
    done = server.run("serve", "--port", "0")
    assert done.returncode == 1
    assert str(server.process.pid) in done.stderr
    assert str(server.data_dir) in done.stderr
    assert "--data-dir" in done.stderr
    assert "Traceback" not in done.stderr


def test_a_port_that_is_taken_is_named(refused: Refused, tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = str(taken.getsockname()[1])
        said = refused(TUNESMITH_DATA_DIR=str(tmp_path), TUNESMITH_PORT=port)
    assert port in said
    assert "--port" in said


@pytest.mark.parametrize(
    ("environment", "named"),
    [
        ({"TUNESMITH_PORT": "99999"}, "TUNESMITH_PORT"),
        ({"TUNESMITH_EXECUTOR": "cloud"}, "TUNESMITH_EXECUTOR"),
        ({"TUNESMITH_HOST": "192.0.2.1"}, "192.0.2.1"),
        ({"TUNESMITH_DATABASE_URL": "nonsense"}, "TUNESMITH_DATABASE_URL"),
        ({"TUNESMITH_DATABASE_URL": "postgresql://127.0.0.1:9/none"}, "database"),
        ({"TUNESMITH_SECRET_KEY": "too short"}, "TUNESMITH_SECRET_KEY"),
        ({"TUNESMITH_DATA_DIR": "/dev/null/below"}, "/dev/null/below"),
    ],
)
def test_settings_that_cannot_work_are_named(
    refused: Refused, tmp_path: Path, environment: dict[str, str], named: str
) -> None:
    place = {"TUNESMITH_DATA_DIR": str(tmp_path), "TUNESMITH_PORT": "0"}
    assert named in refused(**place | environment)


def test_it_serves_on_postgresql(tmp_path: Path, postgres_url: str) -> None:
    on_postgres = Server(tmp_path, TUNESMITH_DATABASE_URL=postgres_url)
    identity = on_postgres.local_workspace(on_postgres.folder("kept"), name="Lab")
    listed = on_postgres.api("GET", "/workspaces", params={"skip": 0, "size": 5, "search": identity}).json()
    assert [one["name"] for one in listed] == ["Lab"]
    assert on_postgres.client.get(f"{on_postgres.url}/api/v1/health/readiness").json() == "OK"
    assert on_postgres.stop() == 0
    assert not (on_postgres.data_dir / "tunesmith.db").exists()


def test_an_idle_server_is_small_and_has_no_torch(server: Server) -> None:
    maps = Path(f"/proc/{server.process.pid}/maps").read_text()
    assert "/torch/" not in maps
    status = Path(f"/proc/{server.process.pid}/status").read_text()
    resident = next(int(line.split()[1]) for line in status.splitlines() if line.startswith("VmRSS"))
    assert resident < 200 * 1024


def test_importing_the_server_imports_no_torch() -> None:
    code = "import sys, tunesmith.server.serving; print([m for m in sys.modules if m.startswith('torch')])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
