"""What every request meets on its way, on a real server."""

import json
import re
from concurrent.futures import ThreadPoolExecutor

import httpx
import pytest
from tests.live_server import Server

MIB = 1024 * 1024


def post(server: Server, content: bytes | str, **headers: str) -> httpx.Response:
    return server.api("POST", "/workspaces", content=content, headers=headers)


@pytest.mark.parametrize(
    "content_type", ["", "text/plain", "application/x-www-form-urlencoded", "application/json"]
)
def test_bodies_are_json_whatever_they_are_called(server: Server, content_type: str) -> None:
    body = json.dumps(
        {"cloud_type": "self_hosted", "cloud_specific_details": {"path": str(server.folder("typed"))}}
    )
    headers = {"Content-Type": content_type} if content_type else {}
    assert post(server, body, **headers).status_code == 200


@pytest.mark.parametrize(
    ("content", "rule"),
    [
        (b"{", "not valid JSON"),
        (b"\xff\xfe\x00", "body"),
        (b"", "body"),
        (b"[1, 2]", "body"),
        (b'{"name": "\\u0000"}', "NUL"),
        (b'{"name": "\\ud800"}', "surrogate"),
        (b'{"\\ud800": 1}', "surrogate"),
        (b'{"cloud_specific_details": {"path": NaN}}', "finite"),
        (b'{"cloud_specific_details": {"path": 1e999}}', "finite"),
        (b'{"a":' + b"[" * 100 + b"]" * 100 + b"}", "nested"),
        (b"[" * 100_000, "body"),
        (b'{"a": ' + b"9" * 10_000 + b"}", "body"),
    ],
)
def test_bodies_that_cannot_be_kept_are_refused(server: Server, content: bytes, rule: str) -> None:
    reply = post(server, content)
    assert reply.status_code == 400
    assert reply.json()["error_code"] == 400
    assert rule in reply.json()["error_desc"]


def test_a_huge_body_is_refused(server: Server) -> None:
    assert post(server, b" " * (10 * MIB + 1)).status_code == 413
    streamed = server.api("POST", "/workspaces", content=(b" " * MIB for _ in range(11)))
    assert streamed.status_code == 413
    assert streamed.json()["error_code"] == 413


def test_each_reply_has_an_id_and_a_clients_own_is_kept(server: Server) -> None:
    url = f"{server.url}/api/v1/health"
    first, second = (server.client.get(url).headers["X-Request-ID"] for _ in range(2))
    assert first != second
    assert server.client.get(url, headers={"X-Request-ID": "mine-1"}).headers["X-Request-ID"] == "mine-1"
    forged = server.client.get(url, headers={"X-Request-ID": "a b=c"}).headers["X-Request-ID"]
    assert re.fullmatch(r"[0-9a-f]{32}", forged)


def test_the_log_names_the_request_and_not_what_it_carried(server: Server) -> None:
    post(server, b'{"name": "private words"', **{"X-Request-ID": "to-be-found"})
    line = next(line for line in server.log.read_text().splitlines() if "to-be-found" in line)
    assert "/api/v1/orgs/acme/workspaces" in line
    assert "400" in line
    assert "private words" not in server.log.read_text()


def test_a_path_cannot_break_into_the_log(server: Server) -> None:
    before = server.log.read_text().count("\n")
    server.client.get(f"{server.url}/nowhere%0Aforged%1b[31m")
    new = server.log.read_text().splitlines()[before:]
    assert not any(line.startswith("forged") for line in new)
    assert "\x1b" not in "".join(new)


@pytest.mark.parametrize(
    "path", ["/nowhere", "/api/v1/orgs/acme/nothing", "/api/v1/orgs/acme/workspaces/a/b"]
)
def test_what_is_not_there_is_answered_in_the_one_shape(server: Server, path: str) -> None:
    reply = server.client.get(f"{server.url}{path}")
    assert reply.status_code == 404
    assert set(reply.json()) == {"error_desc", "error_code"}


def test_a_method_that_is_not_there_is_answered_in_the_one_shape(server: Server) -> None:
    reply = server.client.put(f"{server.url}/api/v1/login", json={})
    assert reply.status_code == 405
    assert reply.json()["error_code"] == 405


@pytest.mark.parametrize("org", ["a%20b", "x" * 256, "..%2f"])
def test_an_organisation_that_cannot_be_is_refused(server: Server, org: str) -> None:
    token = server.login()
    url = f"{server.url}/api/v1/orgs/{org}/workspaces"
    reply = server.client.get(url, headers={"Authorization": f"Bearer {token}"})
    assert reply.status_code in {400, 403, 404}


def test_both_prefixes_answer_alike(server: Server) -> None:
    token = server.login()
    headers = {"Authorization": f"Bearer {token}"}
    path = "/api/v1/orgs/acme/workspaces"
    replies = [
        server.client.get(f"{server.url}{prefix}{path}", headers=headers) for prefix in ("", "/default")
    ]
    assert replies[0].json() == replies[1].json()
    assert replies[1].status_code == 200


def test_a_crowd_of_writers_is_served(server: Server) -> None:
    """More than there are threads: none may wait for a transaction whose end waits for a thread."""
    path = f"/workspaces/{server.local_workspace(server.folder('crowd'))}"
    server.login()

    def change(number: int) -> int:
        change = {"name": f"n{number}"} if number % 2 else {"version": f"v{number}"}
        return server.api("PATCH", path, json=change).status_code

    with ThreadPoolExecutor(100) as crowd:
        assert set(crowd.map(change, range(150))) == {200}
    found = server.api("GET", path).json()
    assert found["name"].startswith("n")
    assert found["version"].startswith("v")
