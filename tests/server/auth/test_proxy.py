"""What a proxy hears that asks whether a request may pass."""

from base64 import b64encode
from collections.abc import Iterator

import pytest
from tests.live_server import Account, Server

from tunesmith.server.auth.proxy import OPEN_PATHS

WORKSPACES = "/api/v1/orgs/acme/workspaces"
METRICS_TOKEN = "operators-own-token"


@pytest.fixture(scope="module")
def guarded(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    running = Server(tmp_path_factory.mktemp("guarded"), TUNESMITH_METRICS_TOKEN=METRICS_TOKEN)
    yield running
    running.stop()


@pytest.fixture(scope="module")
def rival(guarded: Server) -> Account:
    return guarded.account("rivals", "eve")


def ask(server: Server, authorization: str = "", url: str = WORKSPACES, method: str = "GET"):
    headers = {"X-Original-Url": url, "X-Original-Method": method}
    if authorization:
        headers["Authorization"] = authorization
    return server.client.get(f"{server.url}/api/v1/auth", headers=headers)


def basic(user: str, password: str) -> str:
    return "Basic " + b64encode(f"{user}:{password}".encode()).decode()


def user_id(server: Account) -> str:
    body = {"ngc_key": server.api_key, "ngc_org_name": server.org}
    found: str = server.client.post(f"{server.url}/api/v1/login", json=body).json()["user_id"]
    return found


@pytest.mark.shows("GET /auth")
def test_a_token_a_key_and_a_password_all_tell_who_it_is(guarded: Server) -> None:
    sent = [
        f"Bearer {guarded.login()}",
        f"Bearer {guarded.api_key}",
        basic("$oauthtoken", f"acme,{guarded.api_key}"),
    ]
    for authorization in sent:
        reply = ask(guarded, authorization)
        assert reply.status_code == 200, authorization
        assert reply.json() == {"user_id": user_id(guarded)}


def test_without_the_headers_only_the_login_counts(guarded: Server) -> None:
    url = f"{guarded.url}/api/v1/auth"
    assert guarded.client.get(url).status_code == 401
    headers = {"Authorization": f"Bearer {guarded.login()}"}
    assert guarded.client.get(url, headers=headers).json() == {"user_id": user_id(guarded)}


def test_what_is_not_valid_is_refused(guarded: Server, rival: Account) -> None:
    bad = [
        "",
        "Bearer nonsense",
        "Bearer tsk_unknown",
        basic("$oauthtoken", guarded.api_key),
        basic("$oauthtoken", f"rivals,{guarded.api_key}"),
        basic("$oauthtoken", f"acme,{rival.api_key}"),
        basic("ada", f"acme,{guarded.api_key}"),
        basic("$metricstoken", METRICS_TOKEN),
        "Basic ???",
    ]
    replies = {one: ask(guarded, one) for one in bad}
    assert {one: reply.status_code for one, reply in replies.items()} == dict.fromkeys(bad, 401)
    assert all(set(reply.json()) == {"error_desc", "error_code"} for reply in replies.values())


@pytest.mark.parametrize(
    "url",
    [
        "/api/v1/orgs/acme/workspaces",
        "/default/api/v1/orgs/acme/datasets?name=/orgs/rivals",
        "https://vision.example.com/api/v1/orgs/acme:gpu_types",
        "/tensorboard/v1/orgs/acme/experiments/1",
        "/api/v1/orgs/%61cme/workspaces",
    ],
)
def test_the_organisation_in_the_path_must_be_the_callers(guarded: Server, rival: Account, url: str) -> None:
    assert ask(guarded, f"Bearer {guarded.login()}", url).status_code == 200
    assert ask(guarded, f"Bearer {rival.login()}", url).status_code == 403


@pytest.mark.parametrize(
    "url",
    [
        "/api/v1/orgs/acme/../rivals/workspaces",
        "/api/v1/orgs/acme/%2e%2e/rivals/workspaces",
        "/api/v1/orgs/acme%2f..%2frivals",
        "/api/v1/orgs//rivals",
        "/x/orgs/acme/orgs/rivals",
        "/api/v1/login/../orgs/acme/workspaces",
        "//orgs/rivals/workspaces",
        "/api/v1/orgs/rivals#/orgs/acme",
        "http://[/api/v1/orgs/acme",
    ],
)
def test_a_path_with_tricks_does_not_pass(guarded: Server, url: str) -> None:
    assert ask(guarded, f"Bearer {guarded.login()}", url).status_code == 403


def test_what_is_open_passes_without_a_login_and_is_open_indeed(guarded: Server) -> None:
    for path in sorted(OPEN_PATHS):
        assert ask(guarded, url=path).json() == {}, path
        if not path.endswith("login"):
            assert guarded.client.get(guarded.url + path).status_code == 200, path
    assert ask(guarded, url="/api/v1/static/reference.js").status_code == 200
    assert ask(guarded, url="/api/v1/static/../orgs/acme").status_code == 401
    assert ask(guarded, url="/api/v1/login/more").status_code == 401


def test_a_preflight_always_passes(guarded: Server) -> None:
    assert ask(guarded, method="OPTIONS").status_code == 200
    assert ask(guarded, "Bearer nonsense", method="options").status_code == 200
    assert guarded.client.options(f"{guarded.url}/api/v1/auth").status_code == 200


def test_the_operators_token_opens_metrics_and_nothing_else(guarded: Server) -> None:
    token = basic("$metricstoken", METRICS_TOKEN)
    assert ask(guarded, token, "/metrics").status_code == 200
    assert ask(guarded, token, "/metrics/more").status_code == 401
    assert ask(guarded, basic("$metricstoken", "wrong"), "/metrics").status_code == 401


def test_a_revoked_key_does_not_pass(guarded: Server) -> None:
    somebody = guarded.account("acme", "leaver")
    assert ask(guarded, f"Bearer {somebody.api_key}").status_code == 200
    done = guarded.run("keys", "revoke", somebody.api_key)
    assert done.returncode == 0, done.stderr
    assert ask(guarded, f"Bearer {somebody.api_key}").status_code == 401
