import socket

import httpx
import pytest
from tests.client.tiny_server import Reply, TinyServer

from tunesmith.client import (
    APIError,
    BadRequestError,
    Client,
    ConfigError,
    ConnectionFailedError,
    NotFoundError,
    RateLimitedError,
    RetryPolicy,
    ServerError,
    UnauthorizedError,
)

WORKSPACE = {"id": "w1", "name": "Lab", "cloud_type": "self_hosted", "colour": "kept"}
ROUTE = "/api/v1/orgs/acme/workspaces/w1"
QUICK = RetryPolicy(first_pause=0.0)


def test_a_request_carries_the_token_and_says_who_asks(tiny: TinyServer, client: Client):
    tiny.on("GET", ROUTE, WORKSPACE)
    workspace = client.workspaces.get("w1")
    assert (workspace.name, workspace.cloud_type) == ("Lab", "self_hosted")
    assert tiny.asked[0].headers["authorization"] == "Bearer t0ken"
    assert tiny.asked[0].headers["user-agent"].startswith("tunesmith-client/")


def test_unknown_fields_of_a_reply_are_kept(tiny: TinyServer, client: Client):
    tiny.on("GET", ROUTE, WORKSPACE)
    assert client.workspaces.get("w1").raw()["colour"] == "kept"


def test_a_read_is_repeated_until_the_server_is_back(tiny: TinyServer, client: Client):
    tiny.on("GET", ROUTE, Reply(502), Reply(503), Reply(504), WORKSPACE)
    assert client.workspaces.get("w1").name == "Lab"
    assert len(tiny.asked) == 4


def test_a_read_that_was_cut_off_is_repeated(tiny: TinyServer, client: Client):
    tiny.on("GET", ROUTE, Reply(200, WORKSPACE, cut_off=True), WORKSPACE)
    assert client.workspaces.get("w1").name == "Lab"


def test_repeating_ends(tiny: TinyServer, client: Client):
    tiny.on("GET", ROUTE, Reply(503, {"error_desc": "The disk is nearly full", "error_code": 503}))
    with pytest.raises(ServerError, match="The disk is nearly full") as caught:
        client.workspaces.get("w1")
    assert caught.value.status == 503
    assert len(tiny.asked) == QUICK.attempts


def test_what_creates_something_is_never_sent_twice(tiny: TinyServer, client: Client):
    tiny.on("POST", "/api/v1/orgs/acme/workspaces", Reply(503), WORKSPACE)
    with pytest.raises(ServerError):
        client.workspaces.create("Lab", "self_hosted")
    assert len(tiny.asked) == 1


def test_a_change_that_was_cut_off_is_reported_not_repeated(tiny: TinyServer, client: Client):
    tiny.on("POST", "/api/v1/orgs/acme/workspaces", Reply(200, WORKSPACE, cut_off=True))
    with pytest.raises(ConnectionFailedError, match="cut off"):
        client.workspaces.create("Lab", "self_hosted")
    assert len(tiny.asked) == 1


def test_a_server_that_puts_off_is_asked_again_even_for_a_change(tiny: TinyServer, client: Client):
    tiny.on("POST", "/api/v1/orgs/acme/workspaces", Reply(429, headers={"Retry-After": "0"}), WORKSPACE)
    assert client.workspaces.create("Lab", "self_hosted").id == "w1"
    assert [one.body for one in tiny.asked] == [
        {"name": "Lab", "cloud_type": "self_hosted", "cloud_specific_details": {}}
    ] * 2


def test_no_server_is_a_clear_message():
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        port = unused.getsockname()[1]
    with (
        Client(f"http://127.0.0.1:{port}", "acme", token="t", retry=QUICK) as client,
        pytest.raises(ConnectionFailedError) as caught,
    ):
        client.workspaces.get("w1")
    assert str(caught.value) == (
        f"No answer from http://127.0.0.1:{port}: the connection was refused. Is the server running? "
        "Start one with `tunesmith serve`, or name another with TUNESMITH_URL."
    )


def test_a_server_that_never_answers_is_given_up():
    with socket.socket() as silent:
        silent.bind(("127.0.0.1", 0))
        silent.listen()
        url = f"http://127.0.0.1:{silent.getsockname()[1]}"
        with (
            Client(
                url, "acme", token="t", timeout=0.05, retry=RetryPolicy(attempts=2, first_pause=0)
            ) as client,
            pytest.raises(ConnectionFailedError, match="it took too long"),
        ):
            client.workspaces.get("w1")


@pytest.mark.parametrize("url", ["", "localhost:8000", "ftp://host", "http:/typo"])
def test_a_url_without_a_scheme_is_refused_before_anything_is_sent(url: str):
    with pytest.raises(ConfigError, match="http://HOST:PORT"):
        Client(url, "acme")


def test_another_web_server_is_recognised(tiny: TinyServer, client: Client):
    tiny.on("GET", ROUTE, Reply(200, b"<html>Welcome to nginx</html>"))
    with pytest.raises(ConnectionFailedError, match="no tunesmith server"):
        client.workspaces.get("w1")


@pytest.mark.parametrize(
    ("status", "kind"),
    [
        (400, BadRequestError),
        (401, UnauthorizedError),
        (404, NotFoundError),
        (418, APIError),
        (429, RateLimitedError),
        (500, ServerError),
    ],
)
def test_each_status_has_its_exception(tiny: TinyServer, client: Client, status: int, kind: type[APIError]):
    tiny.on("GET", ROUTE, Reply(status, {"error_desc": "Because", "error_code": 7}))
    with pytest.raises(kind) as caught:
        client.workspaces.get("w1")
    assert (caught.value.status, caught.value.code, caught.value.description) == (status, 7, "Because")


@pytest.mark.parametrize("body", [b"", b"<html>", [1], {"problems": "none"}, {"problems": [3]}])
def test_an_odd_error_body_still_becomes_a_sentence(tiny: TinyServer, client: Client, body: object):
    tiny.on("GET", ROUTE, Reply(400, body))
    with pytest.raises(BadRequestError, match=f"GET {ROUTE} answered 400"):
        client.workspaces.get("w1")


def test_the_problems_of_a_spec_come_one_by_one(tiny: TinyServer, client: Client):
    problem = {"key": "train.num_epoch", "rule": "unknown key", "value": 3, "nearest": "train.num_epochs"}
    tiny.on(
        "POST",
        "/api/v1/orgs/acme/experiments/e1/jobs",
        Reply(400, {"error_desc": "The specs have 1 problem(s).", "error_code": 400, "problems": [problem]}),
    )
    with pytest.raises(BadRequestError) as caught:
        client.jobs.create("e1", "train", {"train": {"num_epoch": 3}})
    assert [(one.key, one.nearest) for one in caught.value.problems] == [
        ("train.num_epoch", "train.num_epochs")
    ]


def test_a_hostile_id_stays_one_path_segment(tiny: TinyServer, client: Client):
    with pytest.raises(NotFoundError):
        client.workspaces.get("../../login?x=#y")
    assert tiny.asked[0].path == "/api/v1/orgs/acme/workspaces/..%2F..%2Flogin%3Fx%3D%23y"


def test_pauses_double_up_to_a_limit_and_obey_the_server():
    policy = RetryPolicy(first_pause=1.0, longest_pause=3.0)
    assert 0.5 <= policy.pause(1) <= 1.0
    assert 1.0 <= policy.pause(2) <= 2.0
    assert 1.5 <= policy.pause(9) <= 3.0
    assert policy.pause(1, "2") == 2.0
    assert policy.pause(1, "3600") == 3.0


def test_a_proxy_of_the_environment_is_not_asked_about_loopback(
    tiny: TinyServer, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:9")
    monkeypatch.setenv("ALL_PROXY", "http://127.0.0.1:9")
    tiny.on("GET", ROUTE, WORKSPACE)
    with Client(tiny.url, "acme", token="t") as client:
        assert client.workspaces.get("w1").id == "w1"


def test_the_client_closes_its_connections(tiny: TinyServer):
    with Client(tiny.url, "acme", token="t") as client:
        pass
    with pytest.raises(RuntimeError, match="closed"):
        client.workspaces.get("w1")
    assert httpx.get(f"{tiny.url}/").status_code == 404
