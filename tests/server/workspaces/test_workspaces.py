"""Workspaces over the API: what they may be, who may touch them, and what never comes out."""

import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from uuid import uuid4

import pytest
from tests.live_server import Account, Server
from tests.s3_services import S3Server

SECRET = "the-secret-that-must-not-come-out"


@pytest.fixture(scope="module")
def colleague(server: Server) -> Account:
    return server.account("acme", "grace")


@pytest.fixture(scope="module")
def foreigner(server: Server) -> Account:
    return server.account("rivals", "bob")


def create(account: Account, **body: object):
    return account.api("POST", "/workspaces", json=body)


def in_bucket(s3_server: S3Server, **details: str) -> dict[str, str]:
    return {
        "cloud_bucket_name": s3_server.bucket(),
        "endpoint_url": s3_server.url,
        "access_key": "AKIDEXAMPLE",
        "secret_key": SECRET,
    } | details


def refusal(account: Account, details: object, cloud_type: str = "self_hosted") -> str:
    reply = create(account, cloud_type=cloud_type, cloud_specific_details=details)
    assert reply.status_code == 400, reply.text
    assert reply.json()["error_code"] == 400
    sentence: str = reply.json()["error_desc"]
    return sentence


# --- what a workspace is ---


@pytest.mark.shows("POST /workspaces")
def test_a_folder_becomes_a_workspace(server: Server) -> None:
    folder = server.root / "new" / "deep"
    reply = create(server, name="Lab", cloud_type="self_hosted", cloud_specific_details={"path": str(folder)})
    assert reply.status_code == 200
    made = reply.json()
    assert set(made) == {
        "id", "user_id", "created_on", "last_modified", "name", "shared", "version", "cloud_type",
    }  # fmt: skip
    assert (made["name"], made["shared"], made["version"]) == ("Lab", False, "1.0.0")
    assert made["created_on"].endswith("+00:00")
    assert folder.is_dir()


@pytest.mark.shows("GET /workspaces/{workspace_id}")
def test_a_client_reads_what_it_has_just_written(server: Server) -> None:
    for number in range(20):
        made = create(
            server,
            name=f"w{number}",
            cloud_type="self_hosted",
            cloud_specific_details={"path": str(server.root / "plain")},
        ).json()
        assert server.api("GET", f"/workspaces/{made['id']}").json() == made


def test_defaults_are_those_of_the_api(server: Server) -> None:
    made = create(
        server,
        cloud_type="self_hosted",
        cloud_specific_details={"path": str(server.root / "plain")},
        unknown=1,
    )
    assert made.json()["name"] == "My Workspace"


def test_a_bucket_becomes_a_workspace(server: Server, s3_server: S3Server) -> None:
    reply = create(server, cloud_type="self_hosted", cloud_specific_details=in_bucket(s3_server))
    assert reply.status_code == 200
    assert reply.json()["cloud_type"] == "self_hosted"


def test_amazon_is_where_the_operator_says(server: Server, s3_server: S3Server) -> None:
    details = in_bucket(s3_server)
    del details["endpoint_url"]
    reply = create(server, cloud_type="aws", cloud_specific_details=details | {"cloud_region": "us-west-1"})
    assert reply.status_code == 200, reply.text


# --- details that are wrong ---


def test_every_problem_of_the_details_is_told_at_once(server: Server) -> None:
    sentence = refusal(server, {"endpoint_url": "ftp://x", "bucket": "b", "secret_key": SECRET})
    assert "cloud_specific_details.cloud_bucket_name: Field required" in sentence
    assert "cloud_specific_details.endpoint_url" in sentence
    assert "cloud_specific_details.bucket: Extra inputs are not permitted" in sentence
    assert "access_key" in sentence
    assert SECRET not in sentence


@pytest.mark.parametrize(
    "change",
    [
        {"cloud_bucket_name": ""},
        {"cloud_bucket_name": "../other"},
        {"cloud_bucket_name": "a/b"},
        {"endpoint_url": "http://user:word@127.0.0.1"},
        {"endpoint_url": "http://127.0.0.1/?x=1"},
        {"endpoint_url": "nonsense"},
        {"endpoint_url": "file:///etc"},
        {"access_key": "x" * 2049},
        {"secret_key": ["list"]},
        {"path": "/anywhere"},
    ],
)
def test_details_that_make_no_sense_are_refused(
    server: Server, s3_server: S3Server, change: dict[str, object]
) -> None:
    assert SECRET not in refusal(server, in_bucket(s3_server) | change)


def test_a_bucket_that_is_not_there_is_told_before_anything_is_stored(
    server: Server, s3_server: S3Server
) -> None:
    before = server.api("GET", "/workspaces").json()
    sentence = refusal(server, in_bucket(s3_server, cloud_bucket_name="no-such-bucket"))
    assert "no-such-bucket" in sentence
    assert server.api("GET", "/workspaces").json() == before


def test_a_store_that_does_not_answer_is_told(server: Server, s3_server: S3Server) -> None:
    assert "does not answer" in refusal(server, in_bucket(s3_server, endpoint_url="http://127.0.0.1:9"))


def test_credentials_that_are_refused_are_told(server: Server) -> None:
    class Refusing(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(403)
            self.end_headers()
            self.wfile.write(b"<Error><Code>SignatureDoesNotMatch</Code></Error>")

        def log_message(self, *_: object) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Refusing) as store:
        threading.Thread(target=store.serve_forever, daemon=True).start()
        details = {
            "cloud_bucket_name": "theirs",
            "endpoint_url": f"http://127.0.0.1:{store.server_port}",
            "access_key": "AKIDEXAMPLE",
            "secret_key": SECRET,
        }
        sentence = refusal(server, details)
        store.shutdown()
    assert "credentials" in sentence
    assert SECRET not in sentence


@pytest.mark.parametrize(
    "body",
    [
        {"cloud_type": "self_hosted"},
        {"cloud_specific_details": {}},
        {"cloud_type": "dropbox", "cloud_specific_details": {}},
        {"cloud_type": "", "cloud_specific_details": {}},
        {"cloud_type": "self_hosted", "cloud_specific_details": []},
        {"cloud_type": "self_hosted", "cloud_specific_details": {"path": 5}},
        {"cloud_type": "self_hosted", "cloud_specific_details": {"path": ""}},
        {"name": "x" * 501},
        {"name": "nul\0"},
        {"name": None},
        {"version": "12345678901"},
        {"shared": "perhaps"},
    ],
)
def test_bodies_that_make_no_sense_are_refused(server: Server, body: dict[str, object]) -> None:
    good = {"cloud_type": "self_hosted", "cloud_specific_details": {"path": str(server.root / "plain")}}
    complete = body if set(body) & set(good) else good | body
    reply = create(server, **complete)
    assert reply.status_code == 400, reply.text
    assert reply.json()["error_code"] == 400


# --- folders outside of the roots ---


@pytest.mark.parametrize(
    "path",
    [
        "/",
        "/etc",
        "/etc/passwd",
        "relative",
        "~",
        "{root}/..",
        "{root}/../data",
        "{root}/a/../../..",
        "{root}x",
    ],
)
def test_a_folder_outside_of_the_roots_is_refused_with_the_rule(server: Server, path: str) -> None:
    sentence = refusal(server, {"path": path.format(root=server.root)})
    assert "TUNESMITH_WORKSPACE_ROOTS" in sentence
    assert str(server.root) in sentence


def test_a_link_out_of_the_root_is_followed_and_refused(server: Server, tmp_path: Path) -> None:
    (server.root / "way-out").symlink_to(tmp_path)
    for path in ("way-out", "way-out/below"):
        assert "outside of the folders allowed" in refusal(server, {"path": str(server.root / path)})
    assert list(tmp_path.iterdir()) == []


def test_a_circle_of_links_is_refused(server: Server) -> None:
    (server.root / "circle").symlink_to(server.root / "circle")
    refusal(server, {"path": str(server.root / "circle" / "x")})


def test_a_file_is_no_workspace(server: Server) -> None:
    (server.root / "file").write_text("text")
    assert "cannot be used" in refusal(server, {"path": str(server.root / "file")})
    assert "cannot be used" in refusal(server, {"path": str(server.root / "file" / "below")})


def test_an_endless_name_is_refused(server: Server) -> None:
    refusal(server, {"path": str(server.root / ("x" * 300))})


# --- secrets ---


def test_secrets_never_come_out(server: Server, s3_server: S3Server) -> None:
    details = in_bucket(s3_server)
    made = create(server, cloud_type="self_hosted", cloud_specific_details=details)
    identity = made.json()["id"]
    changed = server.api(
        "PATCH", f"/workspaces/{identity}", json={"cloud_specific_details": {"secret_key": f"{SECRET}-2"}}
    )
    refused = server.api(
        "PATCH",
        f"/workspaces/{identity}",
        json={"cloud_specific_details": {"secret_key": f"{SECRET}-3", "cloud_bucket_name": "gone-bucket"}},
    )
    assert (changed.status_code, refused.status_code) == (200, 400)
    replies = [
        made,
        changed,
        refused,
        server.api("GET", f"/workspaces/{identity}"),
        server.api("GET", "/workspaces"),
        server.api("DELETE", f"/workspaces/{identity}"),
    ]
    assert all(SECRET not in reply.text for reply in replies)
    kept = [file for file in server.data_dir.rglob("*") if file.is_file()]
    assert all(SECRET.encode() not in file.read_bytes() for file in [*kept, server.log])


# --- changes ---


@pytest.mark.shows("PATCH /workspaces/{workspace_id}", "PUT /workspaces/{workspace_id}")
def test_a_change_touches_what_it_names(server: Server) -> None:
    identity = server.local_workspace(server.folder("changes"), name="before", version="2.0.0")
    for method, change in (("PATCH", {"name": "after"}), ("PUT", {"shared": True})):
        reply = server.api(method, f"/workspaces/{identity}", json=change)
        assert reply.status_code == 200
    assert reply.json()["name"] == "after"
    assert reply.json()["shared"] is True
    assert reply.json()["version"] == "2.0.0"
    back = server.api("PATCH", f"/workspaces/{identity}", json={"shared": False})
    assert back.json()["shared"] is False


def test_a_workspace_moves_only_to_a_store_that_answers(server: Server, s3_server: S3Server) -> None:
    identity = server.local_workspace(server.folder("moving"))
    path = f"/workspaces/{identity}"
    nowhere = {"cloud_specific_details": in_bucket(s3_server, cloud_bucket_name="nowhere")}
    assert server.api("PATCH", path, json=nowhere).status_code == 400
    moved = server.api("PATCH", path, json={"cloud_specific_details": in_bucket(s3_server)})
    assert moved.status_code == 200
    alone = server.api("PATCH", path, json={"cloud_type": "aws"})
    assert alone.status_code == 400
    assert "cloud_bucket_name" in alone.json()["error_desc"]
    details = in_bucket(s3_server)
    del details["endpoint_url"]
    amazon = server.api("PUT", path, json={"cloud_type": "aws", "cloud_specific_details": details})
    assert amazon.json()["cloud_type"] == "aws"
    region = server.api("PATCH", path, json={"cloud_specific_details": {"cloud_region": "eu-west-1"}})
    assert region.status_code == 200


def test_a_change_of_what_is_not_there_is_refused(server: Server) -> None:
    reply = server.api("PATCH", f"/workspaces/{uuid4()}", json={"name": "x"})
    assert reply.status_code == 404


# --- who may touch it ---


def test_others_see_a_workspace_only_when_it_is_shared(
    server: Server, colleague: Account, foreigner: Account
) -> None:
    identity = server.local_workspace(server.folder("mine"))
    path = f"/workspaces/{identity}"
    assert colleague.api("GET", path).status_code == 404
    server.api("PATCH", path, json={"shared": True})
    assert colleague.api("GET", path).status_code == 200
    assert identity in {one["id"] for one in colleague.api("GET", "/workspaces").json()}
    assert colleague.api("PATCH", path, json={"name": "taken"}).status_code == 403
    assert colleague.api("DELETE", path).status_code == 403
    assert server.api("GET", path).json()["name"] == "My Workspace"
    assert foreigner.api("GET", path).status_code == 404
    assert identity not in {one["id"] for one in foreigner.api("GET", "/workspaces").json()}


def test_organisations_do_not_get_into_each_others_folders(server: Server, foreigner: Account) -> None:
    folder = server.folder("private")
    server.local_workspace(folder / "inner")
    for path in (folder / "inner", folder / "inner" / "below", folder):
        assert "another organisation" in refusal(foreigner, {"path": str(path)})


# --- deletion ---


@pytest.mark.shows("DELETE /workspaces/{workspace_id}")
def test_a_deleted_workspace_is_gone_and_its_files_stay(server: Server) -> None:
    folder = server.folder("gone")
    (folder / "file").write_text("kept")
    identity = server.local_workspace(folder)
    assert server.api("DELETE", f"/workspaces/{identity}").json()["id"] == identity
    assert server.api("GET", f"/workspaces/{identity}").status_code == 404
    assert server.api("DELETE", f"/workspaces/{identity}").json() == {}
    assert (folder / "file").read_text() == "kept"


def test_a_workspace_is_kept_while_an_experiment_uses_it(server: Server) -> None:
    identity = server.local_workspace(server.folder("used"))
    experiment = server.api(
        "POST", "/experiments", json={"network_arch": "classification_pyt", "workspace": identity}
    ).json()["id"]
    refused = server.api("DELETE", f"/workspaces/{identity}")
    assert refused.status_code == 400
    assert experiment in refused.json()["error_desc"]
    server.api("DELETE", f"/experiments/{experiment}")
    assert server.api("DELETE", f"/workspaces/{identity}").status_code == 200


def test_a_dataset_alone_does_not_keep_its_workspace(server: Server) -> None:
    identity = server.local_workspace(server.folder("with-data"))
    body = {
        "type": "image_classification",
        "format": "classification_pyt",
        "workspace": identity,
        "cloud_file_path": "/data/none",
    }
    dataset = server.api("POST", "/datasets", json=body).json()["id"]
    assert server.api("DELETE", f"/workspaces/{identity}").status_code == 200
    assert server.api("GET", f"/datasets/{dataset}").json()["workspace"] is None
    assert server.api("DELETE", f"/datasets/{dataset}").status_code == 200


@pytest.mark.shows("DELETE /workspaces")
def test_each_of_several_has_its_own_outcome(server: Server, colleague: Account) -> None:
    mine = server.local_workspace(server.folder("several"))
    theirs = colleague.local_workspace(server.folder("theirs"))
    body = {"workspace_ids": [mine, "no-id", str(uuid4()), theirs]}
    results = server.api("DELETE", "/workspaces", json=body).json()["results"]
    assert [one["status"] for one in results] == ["success", "failed", "success", "success"]
    assert results[0] == {"id": mine, "status": "success"}
    assert results[1]["error_code"] == 1
    assert server.api("GET", f"/workspaces/{mine}").status_code == 404
    assert colleague.api("GET", f"/workspaces/{theirs}").status_code == 200


@pytest.mark.parametrize("body", [{}, {"workspace_ids": "x"}, {"workspace_ids": [5]}, []])
def test_a_bulk_deletion_that_makes_no_sense_is_refused(server: Server, body: object) -> None:
    assert server.api("DELETE", "/workspaces", json=body).status_code == 400


def test_an_id_that_is_none_has_the_code_of_its_own(server: Server) -> None:
    for method in ("GET", "DELETE"):
        reply = server.api(method, "/workspaces/not-an-id")
        assert reply.status_code == 400
        assert reply.json()["error_code"] == 1


# --- lists ---


@pytest.mark.shows("GET /workspaces")
def test_lists_are_filtered_sorted_and_cut(server: Server) -> None:
    reader = server.account("readers", "eve")
    for name in ("beta", "alpha", "gamma"):
        reader.local_workspace(server.folder("readers"), name=name, shared=name == "beta")

    def names(**query: object) -> list[str]:
        return [one["name"] for one in reader.api("GET", "/workspaces", params=query).json()]

    assert names() == ["gamma", "alpha", "beta"]
    assert names(sort="date-ascending") == ["beta", "alpha", "gamma"]
    assert names(sort="name-ascending") == ["alpha", "beta", "gamma"]
    assert names(sort="name-descending", skip=1, size=1) == ["beta"]
    assert names(sort="nonsense") == names()
    assert names(name="alpha") == ["alpha"]
    assert names(search="LPH") == ["alpha"]
    assert names(shared=True) == ["beta"]
    assert names(cloud_type="aws") == []
    assert names(skip=5) == []


@pytest.mark.parametrize("query", ["skip=-1", "size=x", "skip=99999999999", "name=%00", "search=%00"])
def test_queries_that_make_no_sense_are_refused(server: Server, query: str) -> None:
    assert server.api("GET", f"/workspaces?{query}").status_code == 400
