"""Backups of a workspace, from Python and from the command line, on a real server."""

import json

import pytest
from tests.live_server import Server
from typer.testing import CliRunner

from tunesmith.client import Client
from tunesmith.client.commands import build


def test_a_lost_experiment_comes_back(server: Server, monkeypatch: pytest.MonkeyPatch):
    with Client(server.url, org=server.org, api_key=server.api_key) as client:
        space = client.workspaces.create("kept", "self_hosted", {"path": str(server.folder("kept"))})
        experiment = client.experiments.create("classification_pyt", workspace=space.id, name="precious")
        assert client.workspaces.backup(space.id, "mine.gz")["experiments"] == 1
        client.experiments.delete(experiment.id)
        monkeypatch.setenv("TUNESMITH_URL", server.url)
        monkeypatch.setenv("TUNESMITH_ORG", server.org)
        monkeypatch.setenv("TUNESMITH_API_KEY", server.api_key)
        words = ["workspaces", "restore", space.id, "--file-name", "mine.gz", "--json"]
        result = CliRunner().invoke(build(), words)
        assert result.exit_code == 0, result.output
        assert json.loads(result.stdout)["experiments"] == 1
        assert client.experiments.get(experiment.id).name == "precious"
