import os
import re
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from tunesmith.client import Client, ConnectionFailedError, RetryPolicy
from tunesmith.demo.errors import DemoError
from tunesmith.demo.server import DemoServer, running_server


def processes_about(folder: Path) -> list[str]:
    """Command lines that name the folder."""
    listed = subprocess.run(["ps", "-ww", "-eo", "args"], capture_output=True, text=True, check=True)
    return [line for line in listed.stdout.splitlines() if str(folder) in line]


def use(server: DemoServer, then: type[Exception]) -> None:
    """Log in and look, then fail."""
    with Client(server.url, "demo") as client:
        client.login(server.create_key("demo", "ada"))
        assert client.workspaces.list() == ()
    raise then


def test_the_server_is_gone_when_the_block_is_left_by_a_failure(tmp_path: Path):
    with running_server(tmp_path / "first", tmp_path, tmp_path / "first.log"):
        assert processes_about(tmp_path / "first")
    with (
        pytest.raises(ZeroDivisionError),
        running_server(tmp_path / "data", tmp_path, tmp_path / "server.log") as server,
    ):
        use(server, ZeroDivisionError)
    assert processes_about(tmp_path) == []
    with (
        Client(server.url, "demo", retry=RetryPolicy(attempts=1)) as client,
        pytest.raises(ConnectionFailedError),
    ):
        client.health()


def test_settings_of_the_users_own_server_are_left_out(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("TUNESMITH_DATABASE_URL", "postgresql+psycopg://nobody@127.0.0.1:1/precious")
    with running_server(tmp_path / "data", tmp_path, tmp_path / "server.log") as server:
        assert server.create_key("demo", "ada")
    assert (tmp_path / "data" / "tunesmith.db").exists()


def test_a_server_that_cannot_start_is_noticed_at_once(tmp_path: Path):
    (tmp_path / "data").write_text("a file where the data folder should be")
    with (
        pytest.raises(DemoError, match="ended at once"),
        running_server(tmp_path / "data", tmp_path, tmp_path / "server.log"),
    ):
        pass


@pytest.mark.parametrize("how", [signal.SIGINT, signal.SIGTERM])
def test_an_interrupted_demo_leaves_nothing_behind(tmp_path: Path, how: signal.Signals):
    scratch = tmp_path / "scratch"
    scratch.mkdir()
    command = [sys.executable, "-m", "tunesmith", "demo", "--out", str(tmp_path / "out")]
    demo = subprocess.Popen(
        command, stdout=subprocess.PIPE, text=True, env={**os.environ, "TMPDIR": str(scratch)}
    )
    assert demo.stdout is not None
    for line in demo.stdout:
        if re.search("train Running", line):
            break
    assert processes_about(scratch)
    demo.send_signal(how)
    rest, _ = demo.communicate(timeout=60)
    assert demo.returncode == 130
    assert "everything that was started is stopped" in rest
    assert processes_about(scratch) == []
    assert list(scratch.glob("tunesmith*")) == [], "torch keeps a cache of its own, we keep nothing"
