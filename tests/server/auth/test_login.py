"""Logging in, and what a token opens."""

from datetime import timedelta
from uuid import uuid4

import jwt
import pytest
from tests.live_server import Account, Server

from tunesmith.server.auth.tokens import Claims, TokenSigner


@pytest.fixture(scope="module")
def foreigner(server: Server) -> Account:
    return server.account("rivals", "bob")


def ask(server: Server, token: str, org: str = "acme"):
    headers = {"Authorization": f"Bearer {token}"}
    return server.client.get(f"{server.url}/api/v1/orgs/{org}/workspaces", headers=headers)


def log_in(server: Server, **body: object):
    return server.client.post(f"{server.url}/api/v1/login", json=body)


@pytest.mark.shows("POST /login")
def test_a_key_gives_a_token_that_opens_the_organisation(server: Server) -> None:
    reply = log_in(server, ngc_key=server.api_key, ngc_org_name="acme", enable_telemetry=True, more=1)
    assert reply.status_code == 200
    assert set(reply.json()) == {"user_id", "token", "user_name", "user_email"}
    assert reply.json()["user_name"] == "ada"
    assert ask(server, reply.json()["token"]).status_code == 200


def test_a_login_needs_no_content_type_and_works_below_default(server: Server) -> None:
    text = f'{{"ngc_key": "{server.api_key}", "ngc_org_name": "acme"}}'
    for headers in ({}, {"Content-Type": "application/x-www-form-urlencoded"}):
        reply = server.client.post(f"{server.url}/default/api/v1/login", content=text, headers=headers)
        assert reply.status_code == 200


@pytest.mark.parametrize("key", ["", "tsk_wrong", "nvapi-something", "é", "x" * 1000])
def test_a_wrong_key_is_refused(server: Server, key: str) -> None:
    reply = log_in(server, ngc_key=key, ngc_org_name="acme")
    assert reply.status_code == 401
    assert reply.json()["error_code"] == 401
    assert "tunesmith keys create" in reply.json()["error_desc"]


def test_a_key_of_another_organisation_is_refused_as_if_it_were_unknown(
    server: Server, foreigner: Account
) -> None:
    foreign = log_in(server, ngc_key=foreigner.api_key, ngc_org_name="acme")
    unknown = log_in(server, ngc_key="tsk_unknown", ngc_org_name="acme")
    assert foreign.status_code == unknown.status_code == 401
    assert foreign.json() == unknown.json()


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"null",
        b"[]",
        b'"text"',
        b"{",
        b'{"ngc_key": 5, "ngc_org_name": "acme"}',
        b'{"ngc_org_name": "x"}',
    ],
)
def test_a_login_that_makes_no_sense_is_a_bad_request(server: Server, body: bytes) -> None:
    reply = server.client.post(f"{server.url}/api/v1/login", content=body)
    assert reply.status_code == 400
    assert set(reply.json()) == {"error_desc", "error_code"}


def test_a_key_that_is_too_long_is_a_bad_request(server: Server) -> None:
    reply = log_in(server, ngc_key="x" * 1001, ngc_org_name="acme")
    assert reply.status_code == 400
    assert "ngc_key" in reply.json()["error_desc"]


def test_a_token_opens_no_other_organisation(server: Server, foreigner: Account) -> None:
    reply = ask(server, foreigner.login(), org="acme")
    assert reply.status_code == 403
    assert "'rivals'" in reply.json()["error_desc"]
    assert "'acme'" in reply.json()["error_desc"]


def test_without_a_token_nothing_opens(server: Server) -> None:
    url = f"{server.url}/api/v1/orgs/acme/workspaces"
    replies = [
        server.client.get(url),
        server.client.get(url, headers={"Authorization": "Basic YTpi"}),
        server.client.get(url, headers={"Authorization": "Bearer"}),
        server.client.get(url, headers={"Authorization": f"Bearer {server.api_key}"}),
        server.client.get(f"{url}/not-an-id"),
    ]
    assert {reply.status_code for reply in replies} == {401}


def claims_of(token: str) -> dict[str, str]:
    return jwt.decode(token, options={"verify_signature": False})


def test_a_token_holds_for_a_day(server: Server) -> None:
    claims = claims_of(server.login())
    assert int(claims["exp"]) - int(claims["iat"]) == 24 * 3600


def test_an_expired_token_is_refused_and_says_so(server: Server) -> None:
    claims = claims_of(server.login())
    key = (server.data_dir / "signing.key").read_bytes()
    late = jwt.encode(claims | {"exp": int(claims["iat"]) - 1}, key, algorithm="HS256")
    reply = ask(server, late)
    assert reply.status_code == 401
    assert "expired" in reply.json()["error_desc"]


@pytest.mark.parametrize("missing", ["exp", "user_id", "org_name", "key_id"])
def test_a_token_that_lacks_a_claim_is_refused(server: Server, missing: str) -> None:
    claims = claims_of(server.login())
    del claims[missing]
    key = (server.data_dir / "signing.key").read_bytes()
    assert ask(server, jwt.encode(claims, key, algorithm="HS256")).status_code == 401


@pytest.mark.filterwarnings("ignore::jwt.warnings.InsecureKeyLengthWarning")
def test_a_token_signed_otherwise_is_refused(server: Server) -> None:
    claims = claims_of(server.login())
    forged = [
        jwt.encode(claims, "another key of the right length, or so", algorithm="HS256"),
        jwt.encode(claims, "", algorithm="none"),
        jwt.encode(claims, (server.data_dir / "signing.key").read_bytes(), algorithm="HS384"),
    ]
    assert {ask(server, token).status_code for token in forged} == {401}


def test_a_token_of_a_user_the_database_does_not_know_is_refused(server: Server) -> None:
    signer = TokenSigner((server.data_dir / "signing.key").read_bytes(), timedelta(hours=1))
    token = signer.sign(Claims(user_id=uuid4(), org_name="acme", key_id=uuid4()))
    assert ask(server, token).status_code == 401


def test_the_signing_key_is_the_operators_alone(server: Server) -> None:
    for name in ("signing.key", "secret.key"):
        assert (server.data_dir / name).stat().st_mode & 0o777 == 0o600
