"""A workspace is saved in its own storage, and what was lost comes back."""

import gzip
import json
from collections.abc import Callable
from typing import Any
from uuid import UUID, uuid4

import pytest
from sqlalchemy import select
from tests.server.resources.house import House, Lab, Person

from tunesmith.server.jobs.states import Status
from tunesmith.server.kit.secrets import Vault
from tunesmith.server.tables import JobHistory

Edit = Callable[[dict[str, Any]], None]


@pytest.fixture(params=["sqlite", "postgresql"])
def database_url(request: pytest.FixtureRequest) -> str | None:
    return request.getfixturevalue("postgres_url") if request.param == "postgresql" else None


class Shelf:
    """Ada's workspace with its backup."""

    def __init__(self, lab: Lab) -> None:
        self.lab = lab
        self.path = f"workspaces/{lab.space}"
        self.file = lab.house.folder_of(lab.ada) / "backups" / "mongodb_backup.gz"

    def back_up(self) -> Any:
        return self.lab.ada.post(f"{self.path}/backup", {})

    def restore(self) -> Any:
        return self.lab.ada.post(f"{self.path}/restore", {})

    def edit(self, change: Edit) -> None:
        document = json.loads(gzip.decompress(self.file.read_bytes()))
        change(document)
        self.file.write_bytes(gzip.compress(json.dumps(document).encode()))

    def lose_everything(self) -> None:
        self.lab.ada.delete(self.lab.path)
        for dataset in (self.lab.train, self.lab.val):
            self.lab.ada.delete(f"datasets/{dataset}")


@pytest.fixture
def shelf(lab: Lab) -> Shelf:
    return Shelf(lab)


def everything(person: Person) -> Any:
    """What the person sees, times of change left out: a deletion touches what it lets go of."""
    seen = {kind: person.get(kind)[kind] for kind in ("datasets", "experiments")}
    jobs = person.get("experiments/all/jobs")["jobs"]
    return json.loads(json.dumps(seen | {"jobs": jobs}))


@pytest.mark.shows("POST /workspaces/{workspace_id}/backup", "POST /workspaces/{workspace_id}/restore")
def test_what_was_lost_comes_back_and_twice_changes_nothing(shelf: Shelf, ada: Person):
    lab = shelf.lab
    lab.ada.patch(lab.path, {"tags": ["kept"], "docker_env_vars": {"A": "b"}})
    trained = lab.trained()
    evaluated = lab.post("evaluate", {}, parent_job_id=trained)
    lab.house.move(evaluated, Status.RUNNING, Status.ERROR)
    before = everything(ada)
    saved = shelf.back_up()
    assert (saved["datasets"], saved["experiments"], saved["jobs"]) == (2, 1, 2)
    shelf.lose_everything()
    assert everything(ada) == {"datasets": [], "experiments": [], "jobs": []}

    back = shelf.restore()
    assert (back["datasets"], back["experiments"], back["jobs"], back["left_alone"]) == (2, 1, 2, 0)
    assert everything(ada) == before
    again = shelf.restore()
    assert (again["datasets"], again["experiments"], again["jobs"]) == (0, 0, 0)
    assert everything(ada) == before
    lab.post("evaluate", {}, parent_job_id=trained)  # what came back works


def test_what_changed_since_stays_as_it_is(shelf: Shelf, ada: Person):
    shelf.back_up()
    ada.patch(shelf.lab.path, {"name": "newer"})
    assert shelf.restore()["experiments"] == 0
    assert ada.get(shelf.lab.path)["name"] == "newer"


def test_a_job_that_had_not_ended_comes_back_canceled(shelf: Shelf, ada: Person):
    lab = shelf.lab
    waiting, running = lab.post("train", {}), lab.post("train", {})
    lab.house.move(running, Status.RUNNING)
    shelf.back_up()
    lab.house.move(running, Status.DONE)
    ada.post(f"{lab.path}/jobs/{waiting}:cancel")
    shelf.lose_everything()
    shelf.restore()
    for job in (waiting, running):
        assert ada.get(f"{lab.path}/jobs/{job}")["status"] == "Canceled"
        with lab.house.database.read() as session:
            rows = session.scalars(select(JobHistory.reason).where(JobHistory.job_id == UUID(job))).all()
        assert any("restored from a backup" in reason for reason in rows)


def test_a_new_workspace_on_the_same_storage_gets_it_all(shelf: Shelf, house: House, ada: Person):
    lab = shelf.lab
    trained = lab.trained()
    lab.leave_files(trained, {"model.onnx": b"model"})
    shelf.back_up()
    shelf.lose_everything()
    ada.delete(shelf.path)
    lab.space = house.workspace(ada)
    shelf.path = f"workspaces/{lab.space}"
    assert shelf.restore()["jobs"] == 1
    assert ada.get(lab.path)["workspace"] == lab.space
    assert ada.get(f"{lab.path}/jobs/{trained}:list_files") == [f"results/{trained}/model.onnx"]


def test_secrets_stay_sealed_and_another_server_leaves_them_out(shelf: Shelf, house: House, ada: Person):
    ada.patch(shelf.lab.path, {"encryption_key": "open sesame", "docker_env_vars": {"KEY": "hush"}})
    shelf.back_up()
    text = gzip.decompress(shelf.file.read_bytes()).decode()
    assert "sesame" not in text
    assert "hush" not in text
    shelf.lose_everything()
    house.app.state.vault = Vault(b"0" * 43 + b"=")
    assert shelf.restore()["experiments"] == 1
    assert ada.get(shelf.lab.path)["encryption_key"] == "********"


def test_only_what_is_ones_own_is_saved_and_restored(shelf: Shelf, house: House, ada: Person, bob: Person):
    ada.patch(shelf.path, {"shared": True})
    theirs = bob.post("experiments", {"network_arch": "classification_pyt", "workspace": shelf.lab.space})[
        "id"
    ]
    shelf.back_up()
    assert theirs not in gzip.decompress(shelf.file.read_bytes()).decode()
    bob.refused(403, "POST", f"{shelf.path}/backup", {})
    bob.refused(403, "POST", f"{shelf.path}/restore", {})

    def claim(document: dict[str, Any]) -> None:
        document["experiments"][0] |= {"id": theirs, "name": "mine now"}

    shelf.edit(claim)
    assert shelf.restore()["left_alone"] >= 1
    assert bob.get(f"experiments/{theirs}")["name"] == "My Experiment"
    ada.refused(404, "GET", f"experiments/{theirs}")


def test_a_forged_job_does_not_lead_out_of_the_workspace(shelf: Shelf, house: House, ada: Person):
    """What an archive says of storage counts for nothing: ids of workspaces do."""
    trained = shelf.lab.trained()
    shelf.back_up()
    shelf.lose_everything()
    secret = house.settings.data_dir / "results" / trained
    secret.mkdir(parents=True)
    (secret / "secret.key").write_text("key")

    def forge(document: dict[str, Any]) -> None:
        for job in document["jobs"]:
            if not job["internal"]:
                store = {"kind": "folder", "id": str(uuid4()), "path": str(house.settings.data_dir)}
                job["inputs"]["workspace"] = {"store": store, "prefix": ""}

    shelf.edit(forge)
    shelf.restore()
    ada.refused(404, "GET", f"{shelf.lab.path}/jobs/{trained}:list_files")

    def climb(document: dict[str, Any]) -> None:
        for job in document["jobs"]:
            job["id"] = str(uuid4())
            if not job["internal"]:
                job["inputs"]["workspace"] = {
                    "store": {"kind": "folder", "id": shelf.lab.space, "path": "/"},
                    "prefix": "../..",
                }

    shelf.edit(climb)
    shelf.restore()
    for job in ada.get(f"{shelf.lab.path}/jobs")["jobs"]:
        ada.refused(404, "GET", f"{shelf.lab.path}/jobs/{job['id']}:list_files")


def test_a_dataset_without_its_pull_is_pulled_again_first(shelf: Shelf, ada: Person):
    shelf.back_up()
    shelf.lose_everything()
    shelf.edit(lambda document: document.update(jobs=[]))
    shelf.restore()
    found = ada.get(f"datasets/{shelf.lab.train}")
    assert found["status"] == "invalid_pull"
    assert "PATCH its cloud_file_path" in found["status_reason"]
    reply = ada.refused(400, "POST", f"{shelf.lab.path}/jobs", {"action": "train", "specs": {}})
    assert "not usable" in reply


def _first(kind: str, **values: object) -> Edit:
    return lambda document: document[kind][0].update(values)


@pytest.mark.parametrize(
    "change",
    [
        lambda document: document.update(format="other"),
        lambda document: document.update(version=99),
        lambda document: document.update(experiments={}),
        lambda document: document.update(jobs=[1]),
        _first("experiments", name=None),
        _first("experiments", name="x" * 501),
        _first("experiments", id="../x"),
        _first("experiments", created_on="yesterday"),
        _first("experiments", tags=[1, {}]),
        _first("experiments", checkpoint_choose_method="luck"),
        _first("experiments", echoed={}),
        _first("datasets", type="paintings"),
        _first("datasets", revision=2**40),
        lambda document: [job.update(action="fly") for job in document["jobs"] if not job["internal"]],
    ],
)
def test_an_odd_backup_restores_nothing(shelf: Shelf, ada: Person, change: Edit):
    shelf.lab.trained()
    shelf.back_up()
    shelf.lose_everything()
    shelf.edit(change)
    reply = ada.refused(400, "POST", f"{shelf.path}/restore", {})
    assert "backup" in reply
    assert everything(ada) == {"datasets": [], "experiments": [], "jobs": []}


@pytest.mark.parametrize(
    "damage", [lambda b: b[:-9], lambda _: b"", lambda b: b"PK" + b, lambda b: b[:99] + b[120:]]
)
def test_a_torn_backup_restores_nothing(shelf: Shelf, ada: Person, damage: Callable[[bytes], bytes]):
    shelf.back_up()
    shelf.lose_everything()
    shelf.file.write_bytes(damage(shelf.file.read_bytes()))
    assert "cannot be read" in ada.refused(400, "POST", f"{shelf.path}/restore", {})
    assert everything(ada)["experiments"] == []


def test_a_backup_that_swells_is_refused(shelf: Shelf, ada: Person, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr("tunesmith.server.backups.archive.MOST_BYTES", 1000)
    shelf.file.parent.mkdir(parents=True, exist_ok=True)
    shelf.file.write_bytes(gzip.compress(b" " * 100_000))
    assert "more than 1000 bytes" in ada.refused(400, "POST", f"{shelf.path}/restore", {})


@pytest.mark.parametrize("name", ["../x", "/etc/x", "a/b", ".hidden", "", "x" * 201, 1])
def test_names_of_files_stay_names(shelf: Shelf, ada: Person, name: object):
    for verb in ("backup", "restore"):
        assert "backup_file_name" in ada.refused(
            400, "POST", f"{shelf.path}/{verb}", {"backup_file_name": name}
        )


def test_a_backup_that_is_not_there_is_told(shelf: Shelf, ada: Person):
    assert "backups/mine.gz not found" in ada.refused(
        404, "POST", f"{shelf.path}/restore", {"backup_file_name": "mine.gz"}
    )
