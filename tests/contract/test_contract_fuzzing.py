"""Hostile and hasty requests, made up from the published document of the API and from our own.

The requests are the same in each run. `make fuzz` makes 200 of them for each operation, which takes long.
"""

import json
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import pytest
import requests
import schemathesis
from hypothesis import HealthCheck, assume, settings
from schemathesis import Case
from schemathesis.checks import CheckFunction, not_a_server_error
from schemathesis.config import SchemathesisConfig
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_headers_conformance,
    response_schema_conformance,
    status_code_conformance,
)
from tests.live_server import Server
from tests.s3_services import S3Server

from tunesmith.server.app import create_app
from tunesmith.server.console.document import openapi_document
from tunesmith.server.kit.settings import Settings

LONGEST_ADDRESS = 60_000
"""Bytes. Longer ones do not reach the application: the HTTP parser refuses them, in its own words."""

EXAMPLES = int(os.environ.get("TUNESMITH_FUZZ_EXAMPLES", "40"))
SECONDS = 5
"""The longest that any answer may take."""

OPEN = ("/api/v1/login", "/api/v1/health")
"""Operations that need no login begin so."""

UNLIKE_THE_PUBLISHED = {
    # Published as the reply for one object, which no server ever sent.
    "DELETE /api/v1/orgs/{org_name}/workspaces",
    "DELETE /api/v1/orgs/{org_name}/datasets",
    "DELETE /api/v1/orgs/{org_name}/experiments",
    "DELETE /api/v1/orgs/{org_name}/experiments/{experiment_id}/jobs",
    "DELETE /api/v1/orgs/{org_name}/datasets/{dataset_id}/jobs",
}
"""Operations whose replies are held against our own document alone."""


def _with_real_times(schema: Any) -> Any:
    """Published times have 24 characters at most; the published service itself sends more, and so do we."""
    match schema:
        case {"format": "date-time", **rest}:
            return {name: value for name, value in rest.items() if name != "maxLength"}
        case dict():
            return {name: _with_real_times(value) for name, value in schema.items()}
        case list():
            return [_with_real_times(value) for value in schema]
    return schema


# Without the phase that works out a case for each rule of a schema: it takes a minute before the first test.
_RANDOM = SchemathesisConfig.from_dict({"phases": {"coverage": {"enabled": False}}})

ours = schemathesis.openapi.from_dict(
    openapi_document(create_app(Settings(data_dir=Path("unused")))), config=_RANDOM
)
published = schemathesis.openapi.from_dict(
    _with_real_times(json.loads(Path(__file__).with_name("openapi.json").read_text(encoding="utf-8"))),
    config=_RANDOM,
)
AnyCase = Case[Any]

hasty = settings(
    max_examples=EXAMPLES,
    deadline=None,
    derandomize=True,
    database=None,
    suppress_health_check=list(HealthCheck),
)


class Visitor:
    """Sends cases to a server, with a login or without."""

    def __init__(self, server: Server) -> None:
        self.server = server
        self.session = requests.Session()
        self.token = server.login()

    def send(self, case: AnyCase, *, token: bool = True) -> Any:
        """The reply to a case, within the visitor's own organisation."""
        if "org_name" in case.path_parameters:
            case.path_parameters["org_name"] = self.server.org
        assume(len(urlencode(case.query or {}, doseq=True)) < LONGEST_ADDRESS)
        headers = {"Authorization": f"Bearer {self.token}"} if token else {}
        case.headers.pop("Authorization", None)
        return case.call(base_url=self.server.url, session=self.session, headers=headers, timeout=SECONDS)


@pytest.fixture(scope="module")
def visitor(tmp_path_factory: pytest.TempPathFactory, s3_server: S3Server) -> Iterator[Visitor]:
    server = Server(tmp_path_factory.mktemp("fuzzed"), AWS_ENDPOINT_URL=s3_server.url)
    visitor = Visitor(server)
    yield visitor
    visitor.session.close()
    server.stop()


@ours.parametrize()
@hasty
def test_replies_are_what_our_document_says(case: AnyCase, visitor: Visitor):
    reply = visitor.send(case)
    case.validate_response(
        reply,
        checks=[
            not_a_server_error,
            status_code_conformance,
            content_type_conformance,
            response_headers_conformance,
            response_schema_conformance,
        ],
    )


@published.parametrize()
@hasty
def test_replies_are_what_the_published_document_says(case: AnyCase, visitor: Visitor):
    stranger = visitor.send(case, token=False)
    if not case.path.startswith(OPEN):
        assert 400 <= stranger.status_code < 500, stranger.text
        assert error_of(stranger)
    reply = visitor.send(case)
    checks: list[CheckFunction] = [not_a_server_error]
    if reply.status_code == 200 and f"{case.method} {case.path}" not in UNLIKE_THE_PUBLISHED:
        checks.append(response_schema_conformance)
    case.validate_response(reply, checks=checks)
    if reply.status_code >= 400:
        assert error_of(reply)


def error_of(reply: Any) -> str:
    """The sentence of an error, which has the one shape; an id that is none has the published code 1."""
    body = json.loads(reply.content)
    assert body["error_code"] in {reply.status_code, 1}
    text: str = body["error_desc"]
    return text


def test_one_request_after_another_with_what_the_last_one_gave(visitor: Visitor):
    class Walk(ours.as_state_machine()):  # type: ignore[misc]
        def get_call_kwargs(self, case: AnyCase) -> dict[str, Any]:  # noqa: ARG002
            return {
                "base_url": visitor.server.url,
                "session": visitor.session,
                "headers": {"Authorization": f"Bearer {visitor.token}"},
                "timeout": SECONDS,
            }

        def before_call(self, case: AnyCase) -> None:
            if "org_name" in case.path_parameters:
                case.path_parameters["org_name"] = visitor.server.org

        def validate_response(self, response: Any, case: AnyCase, **_: Any) -> None:
            case.validate_response(response, checks=[not_a_server_error, response_schema_conformance])

    Walk.run(settings=settings(hasty, stateful_step_count=12))
