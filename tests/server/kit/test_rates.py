"""Callers are held to their rate, and each reply tells what is left."""

import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from starlette.testclient import TestClient
from tests.live_server import Server

from tunesmith.server import commands
from tunesmith.server.app import create_app
from tunesmith.server.kit.settings import Settings

LIST = "/api/v1/orgs/acme/workspaces"
BAD_BODY = b"{"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path


@pytest.fixture
def client(folder: Path) -> Iterator[TestClient]:
    """A client of a server that allows three requests an hour."""
    with TestClient(create_app(Settings(data_dir=folder, rate_limit="3/hour"))) as client:
        yield client


def login(client: TestClient, folder: Path, user: str) -> dict[str, str]:
    key = commands.keys_create("acme", user, folder, None)
    reply = client.post("/api/v1/login", json={"ngc_key": key, "ngc_org_name": "acme"})
    return {"Authorization": f"Bearer {reply.json()['token']}"}


def test_the_fourth_request_is_refused_in_the_one_shape(client: TestClient, folder: Path) -> None:
    ada = login(client, folder, "ada")
    replies = [client.get(LIST, headers=ada) for _ in range(4)]
    assert [reply.status_code for reply in replies] == [200, 200, 200, 429]
    assert [reply.headers["X-RateLimit-Remaining"] for reply in replies] == ["2", "1", "0", "0"]
    assert {reply.headers["X-RateLimit-Limit"] for reply in replies} == {"3"}
    ends = int(replies[0].headers["X-RateLimit-Reset"])
    assert 0 < ends - time.time() <= 3601
    refused = replies[-1]
    assert set(refused.json()) == {"error_desc", "error_code"}
    assert refused.json()["error_code"] == 429
    assert 0 < int(refused.headers["Retry-After"]) <= 3600
    assert "Retry-After" not in replies[0].headers


def test_a_key_is_counted_over_all_its_logins_and_apart_from_others(client: TestClient, folder: Path) -> None:
    ada, bob = login(client, folder, "ada"), login(client, folder, "bob")
    for _ in range(3):
        client.get(LIST, headers=ada)
    assert client.get(LIST, headers=ada).status_code == 429
    assert client.get(LIST, headers=bob).status_code == 200
    assert client.get("/api/v1/orgs/acme/datasets", headers=ada).status_code == 200


def test_both_prefixes_share_one_count(client: TestClient, folder: Path) -> None:
    ada = login(client, folder, "ada")
    for prefix in ("", "/default", ""):
        assert client.get(prefix + LIST, headers=ada).status_code == 200
    assert client.get("/default" + LIST, headers=ada).status_code == 429


def test_guessing_keys_is_counted_by_address_whatever_token_is_sent(client: TestClient) -> None:
    statuses = [
        client.get(LIST, headers={"Authorization": f"Bearer made-up-{number}"}).status_code
        for number in range(4)
    ]
    assert statuses == [401, 401, 401, 429]
    body = {"ngc_key": "tsk_guess", "ngc_org_name": "acme"}
    assert [client.post("/api/v1/login", json=body).status_code for _ in range(4)] == [401, 401, 401, 429]


def test_ids_in_the_path_make_no_route_of_their_own(client: TestClient, folder: Path) -> None:
    ada = login(client, folder, "ada")
    statuses = [client.get(f"{LIST}/not-an-id-{number}", headers=ada).status_code for number in range(4)]
    assert statuses == [400, 400, 400, 429]


@pytest.mark.parametrize("path", ["/nowhere", "/api/v1/health"])
def test_replies_without_a_login_tell_what_is_left_too(client: TestClient, path: str) -> None:
    assert client.get(path).headers["X-RateLimit-Remaining"] == "2"


def test_a_body_that_is_no_json_counts(client: TestClient, folder: Path) -> None:
    ada = login(client, folder, "ada")
    replies = [client.post(LIST, content=BAD_BODY, headers=ada) for _ in range(2)]
    assert [reply.headers["X-RateLimit-Remaining"] for reply in replies] == ["2", "1"]


def test_a_proxy_may_ask_about_everybody(client: TestClient, folder: Path) -> None:
    ada = login(client, folder, "ada")
    replies = [client.get("/api/v1/auth", headers=ada) for _ in range(5)]
    assert {reply.status_code for reply in replies} == {200}
    assert "X-RateLimit-Limit" not in replies[0].headers


@pytest.mark.parametrize("setting", ["off", "0"])
def test_without_a_limit_nothing_is_counted(folder: Path, setting: str) -> None:
    client = TestClient(create_app(Settings(data_dir=folder, rate_limit=setting)))
    assert "X-RateLimit-Limit" not in client.get("/api/v1/health").headers


def test_a_limit_that_makes_no_sense_stops_the_start(folder: Path) -> None:
    with pytest.raises(ValueError, match="10000/hour"):
        Settings(data_dir=folder, rate_limit="plenty")


def test_behind_a_proxy_on_this_machine_the_address_is_the_one_that_it_forwards(tmp_path: Path) -> None:
    running = Server(tmp_path, TUNESMITH_RATE_LIMIT="2/hour")
    try:
        url = f"{running.url}/api/v1/health"
        asked = ["192.0.2.1", "192.0.2.1", "192.0.2.1", "192.0.2.2"]
        replies = [running.client.get(url, headers={"X-Forwarded-For": address}) for address in asked]
        assert [reply.status_code for reply in replies] == [200, 200, 429, 200]
    finally:
        running.stop()
