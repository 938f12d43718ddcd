from concurrent.futures import ThreadPoolExecutor
from uuid import UUID, uuid4

import pytest
from tests.server.resources.house import House, Lab, Person, new_dataset
from tests.statements import statements

from tunesmith.server.datasets.tables import Dataset
from tunesmith.server.jobs.inputs import PULL, FrozenInputs
from tunesmith.server.jobs.states import Status
from tunesmith.storage.locations import FolderStore

GOOD = {"type": "image_classification", "format": "classification_pyt", "cloud_file_path": "/data/x"}


def test_a_new_dataset_has_the_defaults_of_the_api(ada: Person, space: str):
    reply = ada.post("datasets", GOOD | {"workspace": space})
    assert reply.pop("id")
    assert reply.pop("created_on").endswith("+00:00")
    assert reply.pop("last_modified").endswith("+00:00")
    assert reply == {
        "name": "My Dataset",
        "description": "My TAO Dataset",
        "version": "1.0.0",
        "logo": "https://www.nvidia.com",
        "shared": False,
        "type": "image_classification",
        "format": "classification_pyt",
        "workspace": space,
        "url": None,
        "cloud_file_path": "/data/x",
        "client_url": None,
        "actions": [],
        "status": "starting",
        "status_reason": "",
        "use_for": [],
        "base_experiment": [],
        "authorized_party_nca_id": "",
    }


@pytest.mark.shows("POST /datasets")
def test_a_new_dataset_is_pulled_at_once(house: House, ada: Person, space: str):
    dataset_id = new_dataset(ada, space, cloud_file_path="/data/train/", use_for=["training"])
    job = house.pull_of(dataset_id)
    (frozen,) = FrozenInputs.load(job.inputs).train_datasets
    assert (job.action, job.status, job.slot) == (PULL, "Pending", "io")
    assert (str(frozen.id), frozen.revision, frozen.intents) == (dataset_id, 1, ("training",))
    assert frozen.source.prefix == "data/train"
    assert frozen.source.store == FolderStore(id=space, path=house.folder_of(ada))
    assert house.hint.woken == 1


def test_validation_can_be_left_out(house: House, ada: Person, space: str):
    dataset_id = new_dataset(ada, space, skip_validation=True)
    assert house.pull_of(dataset_id).specs == {"skip_validation": True}
    assert "skip_validation" not in ada.get(f"datasets/{dataset_id}")


def test_every_image_can_be_asked_to_be_checked(house: House, ada: Person, space: str):
    dataset_id = new_dataset(ada, space, check_all_images=True)
    assert house.pull_of(dataset_id).specs == {"check_all_images": True}
    house.settle_pull(dataset_id, "pull_complete")
    ada.patch(f"datasets/{dataset_id}", {"check_all_images": False, "cloud_file_path": "/data/other"})
    assert house.pull_of(dataset_id).specs == {}


@pytest.mark.parametrize("use_for", [[], ["training", "evaluation"]])
def test_words_are_for_one_use(house: House, ada: Person, space: str, use_for: list[str]):
    body = {"type": "ocrnet", "format": "default", "workspace": space, "cloud_file_path": "/w"}
    refusal = ada.refused(400, "POST", "datasets", body | {"use_for": use_for})
    assert "exactly one of: training, evaluation" in refusal
    assert ada.post("datasets", body | {"use_for": ["evaluation"]})["use_for"] == ["evaluation"]


def test_the_pull_is_no_job_of_the_dataset(house: House, ada: Person, space: str):
    dataset_id = new_dataset(ada, space)
    pull = house.pull_of(dataset_id).id
    assert "jobs" not in ada.get(f"datasets/{dataset_id}")
    assert ada.get(f"datasets/{dataset_id}/jobs") == {"jobs": []}
    for verb in ("", ":cancel", "/logs", ":download"):
        method = "POST" if verb == ":cancel" else "GET"
        assert "not found" in ada.refused(404, method, f"datasets/{dataset_id}/jobs/{pull}{verb}")


@pytest.mark.shows("GET /datasets/{dataset_id}")
def test_an_invalid_dataset_is_shown_with_its_reason(house: House, ada: Person, space: str):
    dataset_id = new_dataset(ada, space)
    house.settle_pull(dataset_id, "invalid_pull", "classes.txt: is missing. Upload it.")
    reply = ada.get(f"datasets/{dataset_id}")
    assert (reply["status"], reply["status_reason"]) == (
        "invalid_pull",
        "classes.txt: is missing. Upload it.",
    )
    assert reply["validation"] == {"counts": {"files": 2}}


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"type": None}, "type: is missing"),
        ({"format": None}, "format: is missing; available: image_classification as classification_pyt"),
        ({"format": "kitti"}, "has no format 'kitti'"),
        ({"type": "object_detection"}, "has no format 'classification_pyt'; it has: kitti, raw, coco"),
        ({"type": "dogs"}, "type: Input should be"),
        ({"use_for": ["guessing"]}, "use_for.0: Input should be 'training', 'evaluation' or 'testing'"),
        ({"use_for": "training"}, "use_for: Input should be a valid list"),
        (
            {"format": "raw", "use_for": ["training"]},
            "cannot be used for training; it can be used for: testing",
        ),
        ({"url": "https://example.com/x.tar"}, "url: name either a url, or a workspace with cloud_file_path"),
        ({"cloud_file_path": "/data/../../etc"}, "cloud_file_path: The key"),
        ({"cloud_file_path": "a\0b"}, "must not contain the NUL character"),
        ({"name": "n" * 501}, "name: String should have at most 500 characters"),
        ({"name": None}, "name: Input should be a valid string"),
        ({"name": "\ud800"}, "must be valid Unicode"),
        ({"version": "1.0.0-alpha.1"}, "version: String should have at most 10"),
        ({"docker_env_vars": {"A": "x" * 501}}, "docker_env_vars.A: String should have at most 500"),
        ({"workspace": "here"}, "workspace: Input should be a valid UUID"),
        ({"base_experiment": [str(uuid4())]}, "Provided base_experiment cannot be added"),
        ({"base_experiment": [None, None, None]}, "base_experiment: List should have at most 2"),
        ({"shared": 10**400}, "shared"),
    ],
)
def test_what_could_never_work_is_refused(ada: Person, space: str, change: dict[str, object], said: str):
    assert said in ada.refused(400, "POST", "datasets", GOOD | {"workspace": space} | change)
    assert ada.get("datasets") == {"datasets": []}


@pytest.mark.parametrize("body", [[], "text", 7, None, [GOOD]])
def test_a_body_that_is_no_object_is_refused(ada: Person, body: object):
    ada.refused(400, "POST", "datasets", body)


def test_nulls_for_no_base_experiment_are_accepted(ada: Person, space: str):
    dataset_id = new_dataset(ada, space, base_experiment=[None])
    assert ada.patch(f"datasets/{dataset_id}", {"base_experiment": [None, None]})["base_experiment"] == []


def test_a_workspace_of_somebody_else_does_not_exist(house: House, ada: Person, bob: Person, eve: Person):
    for other in (bob, eve):
        body = GOOD | {"workspace": house.workspace(other)}
        assert "Workspace" in ada.refused(404, "POST", "datasets", body)
    new_dataset(ada, house.workspace(bob, shared=True))


def test_a_dataset_without_a_place_is_invalid_until_it_gets_one(house: House, ada: Person, space: str):
    reply = ada.post("datasets", {"type": "image_classification", "format": "raw"})
    assert reply["status"] == "invalid_pull"
    assert reply["status_reason"] == (
        "The dataset has no workspace: PATCH it with workspace and cloud_file_path, or with url."
    )
    change = {"workspace": space, "cloud_file_path": "raw"}
    assert ada.patch(f"datasets/{reply['id']}", change)["status"] == "starting"
    assert house.pull_of(reply["id"]).status == "Pending"


def test_secrets_are_sealed_and_never_come_back(house: House, ada: Person, space: str):
    secret = {"docker_env_vars": {"TOKEN": "s3cret"}, "client_secret": "hush"}
    dataset_id = new_dataset(ada, space, **secret)
    ada.patch(f"datasets/{dataset_id}", {"client_id": "me"})
    with house.database.read() as session:
        sealed = session.get_one(Dataset, UUID(dataset_id)).sealed_private
    assert sealed
    assert "s3cret" not in sealed
    assert house.vault.open(sealed) == secret | {"client_id": "me"}
    text = ada.ask("GET", f"datasets/{dataset_id}").text
    assert "s3cret" not in text
    assert "hush" not in text


@pytest.mark.shows("PATCH /datasets/{dataset_id}", "PUT /datasets/{dataset_id}")
def test_a_patch_changes_what_it_names_and_nothing_else(ada: Person, space: str):
    dataset_id = new_dataset(ada, space, name="pets", shared=True, description="cats")
    reply = ada.patch(f"datasets/{dataset_id}", {"shared": False, "description": ""})
    assert (reply["name"], reply["shared"], reply["description"]) == ("pets", False, "")
    whole = ada.ask("PUT", f"datasets/{dataset_id}", ada.get(f"datasets/{dataset_id}") | {"name": "dogs"})
    assert whole.json()["name"] == "dogs"


@pytest.mark.parametrize("change", [{"type": "segmentation"}, {"format": "raw"}])
def test_type_and_format_stay(ada: Person, space: str, change: dict[str, str]):
    dataset_id = new_dataset(ada, space)
    assert "cannot be changed from" in ada.refused(400, "PATCH", f"datasets/{dataset_id}", change)


def test_another_folder_is_a_new_revision(house: House, ada: Person, space: str):
    dataset_id = new_dataset(ada, space)
    path = f"datasets/{dataset_id}"
    assert "is being pulled" in ada.refused(400, "PATCH", path, {"cloud_file_path": "elsewhere"})
    assert ada.patch(path, {"cloud_file_path": "/data/train"})["status"] == "starting"
    house.settle_pull(dataset_id, "invalid_pull", "bad")
    old = house.settings.datasets_dir / dataset_id / "1"
    old.mkdir(parents=True)
    reply = ada.patch(path, {"cloud_file_path": "elsewhere"})
    assert (reply["status"], reply["status_reason"]) == ("starting", "")
    (frozen,) = FrozenInputs.load(house.pull_of(dataset_id).inputs).train_datasets
    assert (frozen.revision, frozen.source.prefix) == (2, "elsewhere")
    assert not old.exists()


def test_the_copy_that_a_waiting_job_needs_is_kept(lab: Lab):
    lab.post("train", {})
    copies = lab.house.settings.datasets_dir / lab.train
    (copies / "1").mkdir(parents=True)
    lab.ada.patch(f"datasets/{lab.train}", {"cloud_file_path": "elsewhere"})
    assert (copies / "1").exists()


@pytest.mark.shows("GET /datasets:get_formats", "POST /datasets:get_formats")
def test_formats_are_those_that_work_here(ada: Person):
    intents = ["training", "evaluation", "testing"]
    for name in ("image_classification", "classification_pyt"):
        reply = ada.get("datasets:get_formats", dataset_type=name)
        assert "classification_pyt" in reply["dataset_formats"]
        assert reply["accepted_dataset_intents"] == intents
    nothing: dict[str, list[str]] = {"dataset_formats": [], "accepted_dataset_intents": []}
    assert ada.get("datasets:get_formats") == nothing
    assert ada.post("datasets:get_formats?dataset_type=nonsense") == nothing


@pytest.mark.shows("GET /datasets")
def test_lists_are_filtered_sorted_and_paged(ada: Person, space: str):
    for name in ("ant", "bee", "cat"):
        new_dataset(ada, space, name=name, description=f"a {name}")
    new_dataset(ada, space, name="dog", format="raw")

    def names(**query: object) -> list[str]:
        return [one["name"] for one in ada.get("datasets", **query)["datasets"]]

    assert names() == ["dog", "cat", "bee", "ant"]
    assert names(sort="name-ascending") == ["ant", "bee", "cat", "dog"]
    assert names(sort="date-ascending", skip=1, size=2) == ["bee", "cat"]
    assert names(format="raw") == ["dog"]
    assert names(format="!raw", sort="name-descending") == ["cat", "bee", "ant"]
    assert names(search="A CAT") == ["cat"]
    assert names(search="%") == []
    assert names(name="bee", status="starting") == ["bee"]
    assert names(status="invalid_pull") == []
    assert names(shared="true") == []
    page = ada.get("datasets", skip=3, size=3)["pagination_info"]
    assert page == {"total_records": 4, "total_pages": 2, "page_size": 3, "page_index": 1}
    some_id = ada.get("datasets")["datasets"][0]["id"]
    assert names(search=some_id[4:20]) == ["dog"]


def test_a_list_takes_two_statements_however_long_it_is(house: House, ada: Person, lab: Lab):
    for _ in range(3):
        lab.post("train", {})
    with statements(house.database) as seen:
        ada.get("datasets", skip=0, size=10)
    datasets = [text for text in seen if "FROM datasets" in text or "FROM jobs" in text]
    with statements(house.database) as seen:
        ada.get("experiments", skip=0, size=10)
    experiments = [text for text in seen if text.startswith("SELECT") and "FROM jobs" in text]
    assert len(datasets) == len(experiments) == 2


def test_a_page_finds_the_jobs_of_its_rows_by_an_index_on_their_owner(house: House, ada: Person, lab: Lab):
    with statements(house.database) as seen:
        ada.get("experiments", skip=0, size=10)
    (of_jobs,) = [text for text in seen if text.startswith("SELECT jobs.experiment_id")]
    with house.database.read() as session:
        values = ("x",) * of_jobs.count("?")
        plan = session.connection().exec_driver_sql(f"EXPLAIN QUERY PLAN {of_jobs}", values).all()
    assert "ix_jobs_experiment_id" in str(plan)


def test_who_may_see_and_change_a_dataset(ada: Person, bob: Person, eve: Person, space: str):
    hidden, shown = new_dataset(ada, space), new_dataset(ada, space, shared=True)
    assert [one["id"] for one in bob.get("datasets")["datasets"]] == [shown]
    assert eve.get("datasets") == {"datasets": []}
    bob.get(f"datasets/{shown}")
    bob.refused(404, "GET", f"datasets/{hidden}")
    bob.refused(404, "PATCH", f"datasets/{hidden}", {"name": "mine"})
    assert bob.delete(f"datasets/{hidden}") == {}
    for method in ("PATCH", "DELETE"):
        assert "not change it" in bob.refused(403, method, f"datasets/{shown}", {"name": "mine"})
    for path in (hidden, shown):
        eve.refused(404, "GET", f"datasets/{path}")
        ada.get(f"datasets/{path}")
    eve_at_acme = Person("eve", "acme", eve.user_id, eve.org_id, eve.token, eve.http)
    assert "organisation" in eve_at_acme.refused(403, "GET", f"datasets/{shown}")


@pytest.mark.parametrize("identity", ["x", "0", "1 or 1", "%00", "0" * 200])
def test_an_id_that_is_none_is_refused(ada: Person, identity: str):
    reply = ada.ask("GET", f"datasets/{identity}")
    assert reply.status_code in {400, 404}
    assert reply.json()["error_desc"]


@pytest.mark.shows("DELETE /datasets/{dataset_id}")
def test_deleting(house: House, ada: Person, space: str):
    dataset_id = new_dataset(ada, space)
    copies = house.settings.datasets_dir / dataset_id
    copies.mkdir(parents=True)
    pull = house.pull_of(dataset_id)
    assert ada.delete(f"datasets/{dataset_id}")["id"] == dataset_id
    ada.refused(404, "GET", f"datasets/{dataset_id}")
    assert house.job(str(pull.id)) is None
    assert not copies.exists()
    assert ada.delete(f"datasets/{dataset_id}") == {}


def test_deleting_stops_a_pull_that_runs(house: House, ada: Person, space: str):
    dataset_id = new_dataset(ada, space)
    pull = str(house.pull_of(dataset_id).id)
    house.move(pull, Status.RUNNING)
    woken = house.hint.woken
    ada.delete(f"datasets/{dataset_id}")
    job = house.job(pull)
    assert job
    assert (job.status, job.dataset_id) == ("Canceling", None)
    assert house.hint.woken > woken
    house.move(pull, Status.CANCELED)
    ada.delete(f"datasets/{new_dataset(ada, space)}")
    assert house.job(pull) is None


def test_what_is_in_use_stays(lab: Lab):
    said = lab.ada.refused(400, "DELETE", f"datasets/{lab.train}")
    assert said.startswith(f"Dataset in use by {lab.id}")
    assert lab.id in lab.ada.refused(400, "DELETE", f"datasets/{lab.val}")
    lab.ada.patch(lab.path, {"train_datasets": [], "eval_dataset": None})
    assert lab.ada.delete(f"datasets/{lab.val}")["id"] == lab.val


def test_what_a_waiting_job_reads_stays(lab: Lab):
    job = lab.post("train", {})
    lab.ada.patch(lab.path, {"train_datasets": []})
    assert f"in use by job {job}" in lab.ada.refused(400, "DELETE", f"datasets/{lab.train}")
    lab.ada.post(f"{lab.path}/jobs/{job}:cancel")
    lab.ada.delete(f"datasets/{lab.train}")


@pytest.mark.shows("POST /datasets/{dataset_id}/jobs", "GET /datasets/{dataset_id}/specs/{action}/schema")
def test_no_action_runs_on_a_dataset_yet(ada: Person, space: str):
    dataset_id = new_dataset(ada, space)
    assert "analyze" in ada.refused(404, "GET", f"datasets/{dataset_id}/specs/analyze/schema")
    assert "analyze" in ada.refused(404, "POST", f"datasets/{dataset_id}/jobs", {"action": "analyze"})


def test_two_patches_at_once_are_both_kept(ada: Person, space: str):
    path = f"datasets/{new_dataset(ada, space)}"
    changed = {"name": "new", "description": "new", "logo": None, "shared": True, "version": "2"}
    with ThreadPoolExecutor(5) as pool:
        list(pool.map(lambda change: ada.patch(path, dict([change])), changed.items()))
    assert (
        changed.items() <= {name: value for name, value in ada.get(path).items() if name in changed}.items()
    )
