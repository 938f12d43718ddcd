import io
import tarfile
from pathlib import Path
from typing import Any

import pytest
from tests.client.tiny_server import Reply, TinyServer

from tunesmith.client import (
    Client,
    DatasetInvalidError,
    JobFailedError,
    NotFoundError,
    RetryPolicy,
    UnauthorizedError,
    UnsafeArchiveError,
    WaitTimeoutError,
)

ORG = "/api/v1/orgs/acme"
JOB: dict[str, Any] = {
    "id": "j1",
    "experiment_id": "e1",
    "action": "train",
    "status": "Running",
    "job_details": {},
}


def job(status: str, **details: object) -> dict[str, Any]:
    return JOB | {"status": status, "job_details": {"j1": details}}


def archive(*members: tuple[str, bytes] | tarfile.TarInfo) -> bytes:
    data = io.BytesIO()
    with tarfile.open(fileobj=data, mode="w:gz") as tar:
        for member in members:
            if isinstance(member, tarfile.TarInfo):
                tar.addfile(member)
                continue
            info = tarfile.TarInfo(member[0])
            info.size = len(member[1])
            tar.addfile(info, io.BytesIO(member[1]))
    return data.getvalue()


def test_an_api_key_logs_in_by_itself(tiny: TinyServer):
    tiny.on("POST", "/api/v1/login", {"user_id": "u1", "token": "fresh"})
    tiny.on("GET", f"{ORG}:gpu_types", {"p1": {"node": "here", "gpu_type": "L4"}})
    with Client(tiny.url, "acme", api_key="key") as client:
        assert client.gpu_types()["p1"]["gpu_type"] == "L4"
    assert tiny.asked[0].body == {"ngc_key": "key", "ngc_org_name": "acme", "enable_telemetry": False}
    assert tiny.asked[1].headers["authorization"] == "Bearer fresh"


def test_an_expired_token_is_renewed_with_the_key(tiny: TinyServer):
    tiny.on("POST", "/api/v1/login", {"token": "fresh"})
    tiny.on("GET", f"{ORG}/datasets/d1", Reply(401, {"error_desc": "expired"}), {"id": "d1"})
    with Client(tiny.url, "acme", token="old", api_key="key") as client:
        assert client.datasets.get("d1").id == "d1"
    assert [one.headers.get("authorization") for one in tiny.asked] == ["Bearer old", None, "Bearer fresh"]


def test_a_wrong_key_is_tried_once(tiny: TinyServer):
    tiny.on("POST", "/api/v1/login", Reply(401, {"error_desc": "Wrong key", "error_code": 401}))
    with (
        Client(tiny.url, "acme", api_key="bad") as client,
        pytest.raises(UnauthorizedError, match="Wrong key"),
    ):
        client.datasets.get("d1")
    assert tiny.paths("POST") == ["/api/v1/login"]


def test_a_list_holds_every_page_and_each_entry_once(tiny: TinyServer, client: Client):
    first = [{"id": f"w{number}"} for number in range(100)]
    shifted = [{"id": f"w{number}"} for number in range(99, 140)]
    tiny.on("GET", f"{ORG}/workspaces", {"workspaces": first}, {"workspaces": shifted})
    assert [one.id for one in client.workspaces.list()] == [f"w{number}" for number in range(140)]
    assert [one.query for one in tiny.asked] == [
        {"skip": ["0"], "size": ["100"]},
        {"skip": ["100"], "size": ["100"]},
    ]


def test_a_server_that_does_not_page_cannot_trap_a_list(tiny: TinyServer, client: Client):
    tiny.on("GET", f"{ORG}/datasets", {"datasets": [{"id": f"d{number}"} for number in range(150)]})
    assert len(client.datasets.list(name="digits")) == 150
    assert tiny.asked[0].query["name"] == ["digits"]
    assert len(tiny.asked) == 2


def test_a_list_without_an_envelope_is_read_too(tiny: TinyServer, client: Client):
    tiny.on("GET", f"{ORG}/workspaces", [{"id": "w1"}])
    assert [one.id for one in client.workspaces.list()] == ["w1"]


def test_waiting_for_a_dataset_ends_when_it_is_usable(tiny: TinyServer, client: Client):
    states = [{"id": "d1", "status": status} for status in ("starting", "in_progress", "pull_complete")]
    tiny.on("GET", f"{ORG}/datasets/d1", *states)
    assert client.datasets.wait("d1", interval=0).status == "pull_complete"


def test_a_dataset_that_cannot_be_used_says_why(tiny: TinyServer, client: Client):
    reason = "classes.txt is missing. Add it with a class name a line."
    tiny.on("GET", f"{ORG}/datasets/d1", {"id": "d1", "status": "invalid_pull", "status_reason": reason})
    with pytest.raises(DatasetInvalidError, match=r"classes\.txt is missing"):
        client.datasets.wait("d1")


def test_patience_has_an_end(tiny: TinyServer, client: Client):
    tiny.on("GET", f"{ORG}/datasets/d1", {"id": "d1", "status": "starting"})
    with pytest.raises(WaitTimeoutError, match="Dataset d1 is not done after 0 seconds"):
        client.datasets.wait("d1", timeout=0, interval=0)


def test_a_posted_job_comes_back_whole(tiny: TinyServer, client: Client):
    tiny.on("POST", f"{ORG}/experiments/e1/jobs", "j1")
    tiny.on("GET", f"{ORG}/experiments/e1/jobs/j1", JOB)
    parent = client.jobs.create("e1", "train", {"train": {}})
    client.jobs.create("e1", "evaluate", parent=parent, name="first look")
    assert [one.body for one in tiny.asked if one.method == "POST"] == [
        {"parent_job_id": None, "action": "train", "specs": {"train": {}}},
        {"parent_job_id": "j1", "action": "evaluate", "specs": None, "name": "first look"},
    ]


def test_following_a_job_shows_each_change_once(tiny: TinyServer, client: Client):
    running = job("Running", epoch=1, max_epoch=2)
    tiny.on("GET", f"{ORG}/experiments/e1/jobs/j1", JOB, running, running, job("Done", epoch=2, max_epoch=2))
    start = client.jobs.get("e1", "j1")
    seen = [(one.status, one.progress.epoch) for one in client.jobs.follow(start, interval=0)]
    assert seen == [("Running", 1), ("Done", 2)]


def test_a_failed_job_is_an_exception_with_its_cause(tiny: TinyServer, client: Client):
    failure = {"cause": "diverged", "message": "The loss is not finite", "advice": "Lower the learning rate."}
    tiny.on("GET", f"{ORG}/experiments/e1/jobs/j1", JOB, job("Error", failure=failure))
    start = client.jobs.get("e1", "j1")
    with pytest.raises(JobFailedError) as caught:
        client.jobs.wait(start, interval=0)
    assert str(caught.value) == (
        "The train job j1 ended as Error: diverged: The loss is not finite Lower the learning rate."
    )


def test_progress_reads_curves_results_and_categories(tiny: TinyServer, client: Client):
    details = {
        "epoch": 3,
        "max_epoch": 10,
        "eta": "0:00:12",
        "graphical": [{"metric": "train_loss", "values": {"10": 0.1, "2": 0.5, "1": None}}],
        "kpi": [{"metric": "val_acc_1", "values": {"3": 0.97}}],
        "categorical": [{"metric": "recall", "category_wise_values": [{"category": "7", "value": 0.9}]}],
        "detailed_status": {"message": "Epoch 3 of 10"},
    }
    tiny.on("GET", f"{ORG}/experiments/e1/jobs/j1", job("Running", **details))
    progress = client.jobs.get("e1", "j1").progress
    assert (progress.epoch, progress.max_epoch, progress.eta) == (3, 10, "0:00:12")
    assert dict(progress.curves["train_loss"]) == {2: 0.5, 10: 0.1}
    assert progress.latest == {"train_loss": 0.1}
    assert progress.results == {"val_acc_1": 0.97}
    assert progress.categories == {"recall": {"7": 0.9}}


@pytest.mark.parametrize(
    "details",
    [{}, {"j1": None}, {"j1": {"graphical": [None, {"metric": None}], "kpi": None, "detailed_status": None}}],
)
def test_a_read_never_fails_because_details_are_odd(
    tiny: TinyServer, client: Client, details: dict[str, Any]
):
    tiny.on("GET", f"{ORG}/experiments/e1/jobs/j1", JOB | {"job_details": details})
    assert client.jobs.get("e1", "j1").progress.latest == {}


def test_a_job_is_found_by_its_id_alone(tiny: TinyServer, client: Client):
    tiny.on("GET", f"{ORG}/experiments", {"experiments": [{"id": "e0"}]})
    tiny.on("GET", f"{ORG}/datasets", {"datasets": [{"id": "d1", "jobs": {"j2": {}}}]})
    tiny.on(
        "GET", f"{ORG}/datasets/d1/jobs/j2", JOB | {"id": "j2", "experiment_id": None, "dataset_id": "d1"}
    )
    found = client.jobs.find("j2")
    assert found.dataset_id == "d1"
    tiny.on("POST", f"{ORG}/datasets/d1/jobs/j2:cancel", Reply(200))
    client.jobs.cancel(found)
    with pytest.raises(NotFoundError, match="Job j3 not found"):
        client.jobs.find("j3")


def test_a_download_is_unpacked_without_its_leading_folder(tiny: TinyServer, client: Client, tmp_path: Path):
    tiny.on("GET", f"{ORG}/experiments/e1/jobs/j1", JOB)
    data = archive(("j1/model.onnx", b"onnx"), ("j1/plots/curve.png", b"png"), ("j1.txt", b"log"))
    tiny.on("GET", f"{ORG}/experiments/e1/jobs/j1:download", Reply(200, data))
    written = client.jobs.download(client.jobs.get("e1", "j1"), tmp_path / "out")
    assert {str(path.relative_to(tmp_path / "out")): path.read_bytes() for path in written} == {
        "model.onnx": b"onnx",
        "plots/curve.png": b"png",
        "j1.txt": b"log",
    }


def test_chosen_files_are_asked_for_by_name(tiny: TinyServer, client: Client, tmp_path: Path):
    tiny.on("GET", f"{ORG}/experiments/e1/jobs/j1", JOB)
    tiny.on("GET", f"{ORG}/experiments/e1/jobs/j1:list_files", ["a.csv", "b c.png"])
    route = f"{ORG}/experiments/e1/jobs/j1:download_selective_files"
    tiny.on("GET", route, Reply(200, archive(("j1/a.csv", b"1"))))
    train = client.jobs.get("e1", "j1")
    client.jobs.download_files(train, client.jobs.files(train), tmp_path)
    assert tiny.asked[-1].query == {"file_lists": ["a.csv", "b c.png"], "tar_files": ["True"]}


def link(name: str, target: str) -> tarfile.TarInfo:
    info = tarfile.TarInfo(name)
    info.type, info.linkname = tarfile.SYMTYPE, target
    return info


@pytest.mark.parametrize(
    "data",
    [
        archive(("../escaped", b"x")),
        archive(("/tmp/escaped", b"x")),
        archive(("j1/../../escaped", b"x")),
        archive(("j1\\..\\escaped", b"x")),
        archive(link("j1/escaped", "/etc/passwd")),
        archive(("j1/whole", b"x" * 5000))[:60],
        b"not an archive",
    ],
)
def test_a_hostile_or_damaged_archive_is_refused(
    tiny: TinyServer, client: Client, tmp_path: Path, data: bytes
):
    tiny.on("GET", f"{ORG}/experiments/e1/jobs/j1", JOB)
    tiny.on("GET", f"{ORG}/experiments/e1/jobs/j1:download", Reply(200, data))
    with pytest.raises(UnsafeArchiveError):
        client.jobs.download(client.jobs.get("e1", "j1"), tmp_path / "inner" / "out")
    assert not list(tmp_path.rglob("escaped"))


def test_a_link_in_the_target_folder_is_replaced_not_followed(
    tiny: TinyServer, client: Client, tmp_path: Path
):
    precious = tmp_path / "precious"
    precious.write_text("mine")
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "model.onnx").symlink_to(precious)
    tiny.on("GET", f"{ORG}/experiments/e1/jobs/j1", JOB)
    tiny.on("GET", f"{ORG}/experiments/e1/jobs/j1:download", Reply(200, archive(("j1/model.onnx", b"onnx"))))
    client.jobs.download(client.jobs.get("e1", "j1"), tmp_path / "out")
    assert precious.read_text() == "mine"
    assert (tmp_path / "out" / "model.onnx").read_bytes() == b"onnx"


def test_health_is_a_yes_or_no_and_needs_no_login(tiny: TinyServer):
    tiny.on("GET", "/api/v1/health", "OK", Reply(400, "Error"))
    tiny.on("GET", "/version", {"version": "0.1.0"})
    with Client(tiny.url, "acme", retry=RetryPolicy(attempts=1)) as client:
        assert client.health() is True
        assert client.health() is False
        assert client.version()["version"] == "0.1.0"
    assert "authorization" not in tiny.asked[0].headers
