"""API keys, as the operator handles them."""

import json
import re

import pytest
from tests.live_server import Server

from tunesmith.server import commands


def test_a_key_is_printed_once_and_kept_as_a_digest(server: Server) -> None:
    done = server.run("keys", "create", "--org", "acme", "--user", "grace")
    assert done.returncode == 0
    key = done.stdout.strip()
    assert re.fullmatch(r"tsk_[A-Za-z0-9_-]{43}", key)
    stored = b"".join(file.read_bytes() for file in server.data_dir.glob("tunesmith.db*"))
    assert key.encode() not in stored


def test_a_user_may_have_several_keys(server: Server) -> None:
    first, second = server.account("acme", "grace"), server.account("acme", "grace")
    replies = [one.api("GET", "/workspaces") for one in (first, second)]
    assert [reply.status_code for reply in replies] == [200, 200]
    users = {
        server.client.post(
            f"{server.url}/api/v1/login", json={"ngc_key": one.api_key, "ngc_org_name": "acme"}
        ).json()["user_id"]
        for one in (first, second)
    }
    assert len(users) == 1


def test_a_revoked_key_closes_the_door_at_once(server: Server) -> None:
    leaver = server.account("acme", "leaver")
    assert leaver.api("GET", "/workspaces").status_code == 200
    commands.keys_revoke(leaver.api_key, server.data_dir)
    assert leaver.api("GET", "/workspaces").status_code == 401
    body = {"ngc_key": leaver.api_key, "ngc_org_name": "acme"}
    assert server.client.post(f"{server.url}/api/v1/login", json=body).status_code == 401


def test_keys_are_listed_by_their_beginning(server: Server) -> None:
    account = server.account("acme", "listed")
    account.login()
    entry = next(one for one in commands.keys_list(server.data_dir) if one.user == "listed")
    assert account.api_key.startswith(entry.hint)
    assert len(entry.hint) < len(account.api_key) / 2
    assert entry.org == "acme"
    assert entry.last_used_on is not None
    assert entry.revoked_on is None


def test_the_operator_lists_and_revokes_keys_by_command(server: Server) -> None:
    account = server.account("acme", "by-command")
    listed = json.loads(server.run("keys", "list", "--json").stdout)
    (entry,) = [one for one in listed if one["user"] == "by-command"]
    assert (entry["org"], entry["revoked_on"]) == ("acme", None)
    done = server.run("keys", "revoke", entry["hint"])
    assert done.returncode == 0
    assert account.api_key not in done.stdout + done.stderr
    line = next(line for line in server.run("keys", "list").stdout.splitlines() if "by-command" in line)
    assert line.split("\t")[-1] != ""
    again = server.run("keys", "revoke", entry["hint"])
    assert again.returncode == 1
    assert "Traceback" not in again.stderr


@pytest.mark.parametrize("org", ["", "a b", "../x", "a/b", "é", "x" * 256])
def test_an_organisation_is_named_so_that_it_fits_in_a_url(
    server: Server, org: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as ended:
        commands.keys_create(org, "ada", server.data_dir)
    assert ended.value.code == 1
    assert "cannot be an organisation's name" in capsys.readouterr().err


@pytest.mark.parametrize("hint", ["", "tsk_", "tsk_nothing"])
def test_a_key_that_nobody_has_is_not_revoked(
    server: Server, hint: str, capsys: pytest.CaptureFixture[str]
) -> None:
    before = commands.keys_list(server.data_dir)
    with pytest.raises(SystemExit):
        commands.keys_revoke(hint, server.data_dir)
    assert "tunesmith" in capsys.readouterr().err
    assert commands.keys_list(server.data_dir) == before
