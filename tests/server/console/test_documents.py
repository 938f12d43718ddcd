"""The API's documents and pages, which need no login and nothing from elsewhere."""

import re
from pathlib import Path

import pytest
import yaml
from tests.live_server import Server

import tunesmith
from tunesmith.server import console

STATIC = Path(console.__file__).parent / "static"


@pytest.mark.shows("GET /openapi.json")
@pytest.mark.parametrize("prefix", ["", "/api/v1", "/default/api/v1"])
def test_the_document_is_where_clients_look(server: Server, prefix: str) -> None:
    document = server.client.get(f"{server.url}{prefix}/openapi.json").json()
    assert document["info"]["version"] == "6.0.0"
    assert "/api/v1/login" in document["paths"]
    assert not any(path.startswith("/default") for path in document["paths"])


@pytest.mark.shows("GET /openapi.yaml")
def test_the_document_is_there_as_yaml(server: Server) -> None:
    text = server.client.get(f"{server.url}/openapi.yaml").text
    assert yaml.safe_load(text) == server.client.get(f"{server.url}/openapi.json").json()


def test_every_operation_says_what_it_does_and_how_it_refuses(server: Server) -> None:
    document = server.client.get(f"{server.url}/openapi.json").json()
    for path, operations in document["paths"].items():
        for method, operation in operations.items():
            assert " " in operation["summary"], (method, path)
            assert not operation["summary"].endswith("."), (method, path)
            assert "422" not in operation["responses"], (method, path)
            if not path.startswith("/api/v1/health"):
                refusal = operation["responses"]["400"]["content"]["application/json"]["schema"]
                assert refusal == {"$ref": "#/components/schemas/ErrorRsp"}, (method, path)
    assert "HTTPValidationError" not in str(document)


def test_replies_name_their_headers(server: Server) -> None:
    document = server.client.get(f"{server.url}/openapi.json").json()
    assert set(document["components"]["headers"]) >= {"X-RateLimit-Limit", "X-Request-ID"}
    for path, operations in document["paths"].items():
        for method, operation in operations.items():
            for status, reply in operation["responses"].items():
                for header in reply["headers"].values():
                    name = header.get("$ref", "").rpartition("/")[2]
                    assert not name or name in document["components"]["headers"]
                assert "X-RateLimit-Limit" in reply["headers"], (method, path, status)
            assert "Retry-After" in operation["responses"]["429"]["headers"], (method, path)


def test_all_but_the_open_operations_ask_for_a_token(server: Server) -> None:
    document = server.client.get(f"{server.url}/openapi.json").json()
    unguarded = {
        path
        for path, operations in document["paths"].items()
        for operation in operations.values()
        if "security" not in operation
    }
    health = {"/api/v1/health", "/api/v1/health/liveness", "/api/v1/health/readiness"}
    assert unguarded == {"/api/v1/login"} | health


def test_operations_that_ask_for_a_token_answer_401_without(server: Server) -> None:
    document = server.client.get(f"{server.url}/openapi.json").json()
    checked = 0
    for path, operations in document["paths"].items():
        url = server.url + re.sub(r"\{\w+_id\}", "00000000-0000-4000-8000-000000000000", path)
        url = url.replace("{org_name}", "acme").replace("{action}", "train")
        for method, operation in operations.items():
            if "security" in operation:
                reply = server.client.request(method.upper(), url, content=b"{}")
                assert reply.status_code == 401, (method, path, reply.text)
                checked += 1
    assert checked > 20


@pytest.mark.parametrize("path", ["/swagger", "/redoc", "/api/v1/swagger", "/api/v1/redoc"])
def test_the_page_and_what_it_loads_come_from_the_server(server: Server, path: str) -> None:
    page = server.client.get(server.url + path)
    assert page.status_code == 200
    assert page.headers["Content-Security-Policy"] == "default-src 'self'"
    base = server.url + path.rsplit("/", maxsplit=1)[0]
    loaded = re.findall(r'(?:src|href)="(static/[^"]+)"', page.text)
    assert len(loaded) == 2
    for name in loaded:
        reply = server.client.get(f"{base}/{name}")
        assert reply.status_code == 200
        assert reply.headers["Content-Type"].startswith(("text/javascript", "text/css"))


def test_the_page_names_no_other_machine() -> None:
    assert {file.suffix for file in STATIC.iterdir()} == {".html", ".css", ".js"}
    assert not [file for file in STATIC.iterdir() if "://" in file.read_text()]


@pytest.mark.parametrize("name", ["endpoints.py", "../endpoints.py", "..%2fendpoints.py", "reference.html"])
def test_nothing_else_comes_out_of_the_folder(server: Server, name: str) -> None:
    assert server.client.get(f"{server.url}/static/{name}").status_code in {400, 404}


@pytest.mark.shows("GET /version")
def test_the_version_tells_the_commit_of_a_checkout(server: Server) -> None:
    version = server.client.get(f"{server.url}/version").json()
    assert set(version) == {"version", "branch", "sha", "time"}
    assert version["version"] == tunesmith.__version__
    if (Path(tunesmith.__file__).parents[2] / ".git").exists():
        assert re.fullmatch(r"[0-9a-f]{40}", version["sha"])


@pytest.mark.shows("GET /")
@pytest.mark.parametrize(
    ("path", "names"),
    [
        ("/", {"api", "metrics", "swagger", "openapi.json"}),
        ("/api", {"v1"}),
        ("/api/v1", {"login", "orgs", "health", "auth"}),
        ("/default/api/v1", {"login", "orgs", "health", "auth"}),
    ],
)
def test_the_top_tells_what_lies_below(server: Server, path: str, names: set[str]) -> None:
    assert set(server.client.get(server.url + path).json()) >= names


def test_names_that_are_told_lead_somewhere(server: Server) -> None:
    token = server.login()
    for top in ("/", "/api/v1/"):
        for name in server.client.get(server.url + top.rstrip("/")).json():
            reply = server.client.get(
                f"{server.url}{top}{name}",
                headers={"Authorization": f"Bearer {token}"},
                follow_redirects=True,
            )
            assert reply.status_code in ({403, 405} if name in {"orgs", "login"} else {200}), top + name


def test_organisations_are_not_listed_and_tell_what_they_have_to_their_own(server: Server) -> None:
    assert server.client.get(f"{server.url}/api/v1/orgs").status_code == 403
    assert server.client.get(f"{server.url}/api/v1/orgs/acme").status_code == 401
    assert server.api("GET", "").json() == ["datasets", "experiments", "workspaces"]


def test_a_browser_is_led_to_the_reference(server: Server) -> None:
    reply = server.client.get(server.url, headers={"Accept": "text/html"})
    assert reply.is_redirect
    assert reply.headers["Location"] == "/swagger"
