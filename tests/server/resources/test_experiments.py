from concurrent.futures import ThreadPoolExecutor
from uuid import UUID, uuid4

import pytest
from tests.server.resources.house import House, Lab, Person, new_dataset

from tunesmith.server.experiments.tables import Experiment
from tunesmith.server.jobs.states import Status

PYT = {"network_arch": "classification_pyt"}


@pytest.mark.shows("POST /experiments")
def test_a_new_experiment_has_the_defaults_of_the_api(ada: Person, space: str):
    reply = ada.post("experiments", PYT | {"workspace": space})
    for name in ("id", "created_on", "last_modified"):
        assert reply.pop(name)
    assert reply == {
        "name": "My Experiment",
        "shared": False,
        "description": "My Experiments",
        "model_description": "",
        "version": "1.0.0",
        "logo": "https://www.nvidia.com",
        "ngc_path": "",
        "workspace": space,
        "sha256_digest": None,
        "additional_id_info": None,
        "checkpoint_choose_method": "best_model",
        "checkpoint_epoch_number": {},
        "encryption_key": "tlt_encode",
        "network_arch": "classification_pyt",
        "base_experiment": [],
        "dataset_type": "image_classification",
        "dataset_formats": ["classification_pyt"],
        "accepted_dataset_intents": ["training", "evaluation", "testing"],
        "train_datasets": [],
        "eval_dataset": None,
        "inference_dataset": None,
        "calibration_dataset": None,
        "read_only": False,
        "public": False,
        "actions": ["train", "distill", "evaluate", "export", "gen_trt_engine", "inference"],
        "automl_settings": {},
        "metric": "kpi",
        "type": "vision",
        "realtime_infer": False,
        "realtime_infer_support": False,
        "realtime_infer_request_timeout": 60,
        "model_params": {},
        "bundle_url": None,
        "experiment_actions": [],
        "tensorboard_enabled": False,
        "tags": [],
        "authorized_party_nca_id": "",
    }


def test_what_existing_clients_send_works(lab: Lab):
    raw = new_dataset(lab.ada, lab.space, format="raw", use_for=["testing"])
    body: dict[str, object] = {
        "network_arch": "classification_pyt",
        "encryption_key": "nvidia_tlt",
        "workspace": lab.space,
    }
    body |= {"checkpoint_choose_method": "best_model", "tensorboard_enabled": False}
    path = f"experiments/{lab.ada.post('experiments', body)['id']}"
    change = {"train_datasets": [lab.train], "eval_dataset": lab.val, "inference_dataset": raw}
    reply = lab.ada.patch(path, change | {"calibration_dataset": lab.train, "docker_env_vars": {}})
    assert (reply["inference_dataset"], reply["calibration_dataset"]) == (raw, lab.train)
    assert lab.ada.patch(path, {"base_experiment": [None]})["base_experiment"] == []
    settings = {
        "automl_enabled": True,
        "automl_algorithm": "hyperband",
        "automl_max_recommendations": 20,
        "automl_R": 27,
        "automl_nu": 3,
        "epoch_multiplier": 1,
        "override_automl_disabled_params": False,
        "automl_hyperparameters": "['train.optim.lr']",
    }
    reply = lab.ada.patch(path, {"metric": "loss", "automl_settings": settings})
    assert (reply["metric"], reply["automl_settings"]) == ("loss", settings)
    epochs = lab.ada.get(path)["checkpoint_epoch_number"]
    change = {"checkpoint_choose_method": "latest_model", "checkpoint_epoch_number": epochs}
    assert lab.ada.patch(path, change)["checkpoint_choose_method"] == "latest_model"
    (listed,) = lab.ada.get(
        "experiments", network_arch="classification_pyt", status="Pending", search=path[-8:]
    )["experiments"]
    assert "encryption_key" in listed
    bases = lab.ada.get("experiments:base", network_arch="classification_pyt")["experiments"]
    assert all({"name", "version", "ngc_path"} <= set(one) for one in bases)


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"network_arch": None}, "network_arch '' is not available; available: classification_pyt"),
        (
            {"network_arch": "centerpose"},
            "network_arch 'centerpose' is not available; available: classification_pyt",
        ),
        ({"network_arch": "../../x"}, "is not available"),
        ({"network_arch": 7}, "network_arch: Input should be a valid string"),
        ({"workspace": "nowhere"}, "workspace: Input should be a valid UUID"),
        ({"checkpoint_choose_method": "worst_model"}, "checkpoint_choose_method: Input should be"),
        ({"checkpoint_epoch_number": {"best": 1}}, "checkpoint_epoch_number.best: is not a name"),
        ({"checkpoint_epoch_number": {f"from_epoch_number_{uuid4()}": 2**63}}, "less than or equal to"),
        ({"checkpoint_epoch_number": {f"from_epoch_number_{uuid4()}": -1}}, "greater than or equal to 0"),
        ({"tags": ["x"] * 17}, "tags: List should have at most 16"),
        ({"tags": ["x" * 37]}, "tags.0: String should have at most 36"),
        ({"tags": "x"}, "tags: Input should be a valid list"),
        ({"metric": "m" * 101}, "metric: String should have at most 100"),
        ({"realtime_infer_request_timeout": 10**30}, "realtime_infer_request_timeout: Input should be less"),
        ({"model_params": {"a": "\0"}}, "must not contain the NUL character"),
        ({"train_datasets": [str(uuid4())]}, "Provided train_datasets cannot be added: dataset"),
        ({"train_datasets": [None]}, "train_datasets.0: UUID input should be"),
        ({"train_datasets": "x"}, "train_datasets: Input should be a valid list"),
        ({"eval_dataset": ["x"]}, "eval_dataset: UUID input should be"),
        ({"base_experiment": [str(uuid4())]}, "Provided base_experiment cannot be added"),
        (
            {"automl_settings": {"automl_enabled": True}},
            "automl_algorithm: is needed, one of bayesian, hyperband",
        ),
        (
            {"automl_settings": {"automl_enabled": True, "automl_algorithm": "hyperband", "automl_nu": 30}},
            "automl_nu: must be at most automl_R (27), got 30",
        ),
        (
            {"automl_settings": {"automl_enabled": True, "automl_algorithm": "hyperband", "automl_R": 1}},
            "automl_R: must be at least 2, got 1",
        ),
        (
            {
                "automl_settings": {
                    "automl_enabled": True,
                    "automl_algorithm": "bayesian",
                    "automl_max_recommendations": 0,
                }
            },
            "automl_max_recommendations: must be at least 1, got 0",
        ),
        (
            {"automl_settings": {"automl_algorithm": "guess"}},
            "automl_settings.automl_algorithm: Input should",
        ),
        ({"automl_settings": {"automl_hyperparameters": ["x"]}}, "automl_hyperparameters: Input should be"),
    ],
)
def test_what_could_never_work_is_refused(ada: Person, space: str, change: dict[str, object], said: str):
    assert said in ada.refused(400, "POST", "experiments", PYT | {"workspace": space} | change)
    if "network_arch" not in change and "workspace" not in change:
        path = f"experiments/{ada.post('experiments', PYT | {'workspace': space})['id']}"
        before = ada.get(path)
        assert said in ada.refused(400, "PATCH", path, {"name": "changed"} | change)
        assert ada.get(path) == before


def test_an_experiment_needs_a_workspace_that_its_owner_may_see(house: House, ada: Person, bob: Person):
    assert "Workspace None not found" in ada.refused(404, "POST", "experiments", PYT)
    ada.refused(404, "POST", "experiments", PYT | {"workspace": house.workspace(bob)})
    ada.refused(404, "POST", "experiments", PYT | {"workspace": str(uuid4())})


def test_datasets_are_checked_when_they_are_attached(lab: Lab, house: House, bob: Person):
    raw = new_dataset(lab.ada, lab.space, format="raw")
    default = new_dataset(lab.ada, lab.space, format="default")
    bobs = new_dataset(bob, house.workspace(bob))
    test = new_dataset(lab.ada, lab.space, use_for=["testing"])

    def refusal(role: str, dataset: str) -> str:
        value = [dataset] if role == "train_datasets" else dataset
        return lab.ada.refused(400, "PATCH", lab.path, {role: value})

    assert refusal("train_datasets", raw).endswith("its format raw has no labels")
    assert refusal("eval_dataset", raw).endswith("its format raw has no labels")
    assert "its format is default, and classification_pyt takes" in refusal("train_datasets", default)
    assert "its use_for is evaluation, and train_datasets needs training" in refusal(
        "train_datasets", lab.val
    )
    assert "and eval_dataset needs evaluation or testing" in refusal("eval_dataset", lab.train)
    assert refusal("inference_dataset", bobs).endswith("it does not exist")
    lab.ada.patch(lab.path, {"eval_dataset": test, "inference_dataset": raw, "calibration_dataset": lab.val})
    new = lab.ada.patch(f"datasets/{lab.val}", {"use_for": ["training"]})
    assert new["use_for"] == ["training"]
    both = lab.ada.patch(lab.path, {"train_datasets": [lab.val, lab.train, lab.val]})
    assert both["train_datasets"] == [lab.val, lab.train]


@pytest.mark.shows("PATCH /experiments/{experiment_id}", "PUT /experiments/{experiment_id}")
def test_a_patch_changes_what_it_names_and_nothing_else(lab: Lab):
    before = lab.ada.patch(lab.path, {"shared": True, "tags": ["A", "b"], "tensorboard_enabled": True})
    after = lab.ada.patch(
        lab.path, {"shared": False, "tags": [], "tensorboard_enabled": False, "description": ""}
    )
    assert (after["shared"], after["tags"], after["tensorboard_enabled"]) == (False, [], False)
    same = set(before) - {"shared", "tags", "tensorboard_enabled", "description", "last_modified"}
    assert all(after[name] == before[name] for name in same)
    whole = lab.ada.ask("PUT", lab.path, lab.ada.get(lab.path) | {"name": "renamed"})
    assert whole.json() | {"name": after["name"], "last_modified": ""} == after | {"last_modified": ""}


def test_network_and_workspace_stay(lab: Lab, house: House):
    other = {"network_arch": "dino", "workspace": house.workspace(lab.ada)}
    for name, value in other.items():
        assert f"{name}: cannot be changed from" in lab.ada.refused(400, "PATCH", lab.path, {name: value})


def test_tags_differ_in_more_than_case(lab: Lab):
    assert lab.ada.patch(lab.path, {"tags": ["Cat", "dog", "CAT"]})["tags"] == ["CAT", "dog"]


def test_epochs_of_the_server_survive_what_clients_send_back(lab: Lab):
    job = lab.trained()
    best, mine = f"best_model_{job}", f"from_epoch_number_{job}"
    with lab.house.database.write() as session:
        session.get_one(Experiment, UUID(lab.id)).checkpoint_epoch_number = {best: 7}
    epochs = lab.ada.patch(lab.path, {"checkpoint_epoch_number": {best: 1, mine: 3}})[
        "checkpoint_epoch_number"
    ]
    assert epochs == {best: 7, mine: 3}
    assert lab.ada.patch(lab.path, {"checkpoint_epoch_number": {}})["checkpoint_epoch_number"] == epochs
    assert lab.ada.patch(lab.path, {"checkpoint_epoch_number": {mine: None}})["checkpoint_epoch_number"] == {
        best: 7
    }


def test_keys_are_sealed_and_hidden(lab: Lab):
    body = {"encryption_key": "open sesame", "docker_env_vars": {"WANDB_API_KEY": "s3cret", "EMPTY": None}}
    reply = lab.ada.patch(lab.path, body)
    assert reply["encryption_key"] == "********"
    lab.ada.patch(lab.path, {"encryption_key": reply["encryption_key"]})
    text = lab.ada.ask("GET", lab.path).text
    assert "sesame" not in text
    assert "s3cret" not in text
    with lab.house.database.read() as session:
        row = session.get_one(Experiment, UUID(lab.id))
        assert "sesame" not in str(vars(row))
        assert lab.house.vault.open(row.sealed_private) == body
    assert lab.ada.patch(lab.path, {"encryption_key": "tlt_encode"})["encryption_key"] == "tlt_encode"


@pytest.mark.shows("GET /experiments/{experiment_id}")
@pytest.mark.parametrize(
    ("jobs", "status"),
    [
        ([], "Pending"),
        (["Pending"], "Pending"),
        (["Done"], "Done"),
        (["Done", "Pending"], "Running"),
        (["Done", "Running"], "Running"),
        (["Done", "Canceled", "Running"], "Canceled"),
        (["Paused", "Canceled"], "Paused"),
        (["Resuming", "Paused"], "Resuming"),
        (["Canceling", "Resuming"], "Canceling"),
        (["Pausing", "Canceling"], "Pausing"),
        (["Pausing", "Error", "Done"], "Error"),
    ],
)
def test_the_status_follows_from_the_jobs(lab: Lab, jobs: list[str], status: str):
    for state in jobs:
        lab.house.change(lab.post("train", {}), status=state)
    assert lab.ada.get(lab.path)["status"] == status
    (listed,) = lab.ada.get("experiments", status=status)["experiments"]
    assert listed["status"] == status
    assert lab.ada.get("experiments", status=f"!{status}")["experiments"] == []


def test_jobs_are_shown_in_short(lab: Lab):
    assert "jobs" not in lab.ada.get(lab.path)
    waiting, running = lab.post("train", {}, name="first"), lab.post("train", {})
    details = {"epoch": 3, "max_epoch": 10, "eta": 83.0, "message": "epoch 3", "curves": {"loss": {"1": 0.5}}}
    lab.house.change(running, status="Running", details=details)
    jobs = lab.ada.get(lab.path)["jobs"]
    assert jobs == {
        waiting: {
            "name": "first",
            "status": "Pending",
            "action": "train",
            "eta": "",
            "epoch": 0,
            "max_epoch": 1,
            "detailed_status_message": "Waits for the scheduler",
        },
        running: {
            "name": "",
            "status": "Running",
            "action": "train",
            "eta": "0:01:23",
            "epoch": 3,
            "max_epoch": 10,
            "detailed_status_message": "epoch 3",
        },
    }
    assert lab.ada.get("experiments")["experiments"][0]["jobs"] == jobs


@pytest.mark.shows("GET /experiments")
def test_lists_are_filtered_sorted_and_paged(ada: Person, space: str):
    for name, tags in (("ant", ["Small"]), ("bee", ["small", 'qu"ote']), ("cat", [])):
        ada.post("experiments", PYT | {"workspace": space, "name": name, "tags": tags})

    def names(**query: object) -> list[str]:
        return [one["name"] for one in ada.get("experiments", **query)["experiments"]]

    assert names(sort="name-descending") == ["cat", "bee", "ant"]
    assert names(sort="status-ascending", size=1) == names(sort="status-ascending")[:1]
    assert names(tag="Small") == ["ant"]
    assert names(tags='qu"ote') == ["bee"]
    assert names(tag="!Small") == ["cat", "bee"]
    assert names(type="vision", network_arch="classification_pyt") == ["cat", "bee", "ant"]
    assert names(type="medical") == names(network_arch="dino") == names(read_only="true") == []
    assert names(user_only="True", sort="date-ascending", skip=1, size=1) == ["bee"]
    assert "skip" in ada.refused(400, "GET", "experiments", skip="x")
    assert "skip" in ada.refused(400, "GET", "experiments", skip=-1)
    assert "size" in ada.refused(400, "GET", "experiments", size=2**31)
    assert "NUL" in ada.refused(400, "GET", "experiments", name="a\0")
    page = ada.get("experiments", skip=9, size=2)
    assert page == {
        "experiments": [],
        "pagination_info": {"total_records": 3, "total_pages": 2, "page_size": 2, "page_index": 4},
    }


def test_who_may_see_and_change_an_experiment(lab: Lab, bob: Person, eve: Person):
    def seen(person: Person, **query: object) -> int:
        return len(person.get("experiments", **query)["experiments"])

    assert (seen(bob), seen(eve)) == (0, 0)
    bob.refused(404, "GET", lab.path)
    lab.ada.patch(lab.path, {"shared": True})
    assert (seen(bob), seen(eve)) == (1, 0)
    lab.ada.patch(lab.path, {"public": True})
    assert (seen(bob), seen(eve), seen(eve, user_only="true")) == (1, 1, 0)
    for person in (bob, eve):
        person.get(lab.path)
        person.get(f"{lab.path}/jobs")
        person.refused(403, "PATCH", lab.path, {"name": "mine"})
        person.refused(403, "POST", f"{lab.path}/jobs", {"action": "train", "specs": {}})
        person.refused(403, "DELETE", lab.path)
    lab.ada.get(lab.path)


def test_a_read_only_experiment_is_unlocked_first(lab: Lab):
    lab.ada.patch(lab.path, {"read_only": True})
    assert "is read only" in lab.ada.refused(400, "PATCH", lab.path, {"name": "x"})
    assert "is read only" in lab.ada.refused(400, "DELETE", lab.path)
    assert "is read only" in lab.ada.refused(
        400, "POST", f"{lab.path}/jobs", {"action": "train", "specs": {}}
    )
    assert lab.ada.patch(lab.path, {"read_only": False, "name": "x"})["name"] == "x"


@pytest.mark.shows("DELETE /experiments/{experiment_id}")
def test_deleting(lab: Lab):
    ended, waiting = lab.trained(), lab.post("train", {})
    folder = lab.house.folder(ended)
    folder.root.mkdir(parents=True)
    lab.leave_files(ended, {"model_best.pth": b"weights"})
    assert f"Experiment in use by job {waiting}" in lab.ada.refused(400, "DELETE", lab.path)
    lab.ada.post(f"{lab.path}/jobs/{waiting}:cancel")
    lab.ada.patch(lab.path, {"public": True})
    assert "Experiment is Public" in lab.ada.refused(400, "DELETE", lab.path)
    lab.ada.patch(lab.path, {"public": False})
    assert lab.ada.delete(lab.path)["id"] == lab.id
    assert lab.ada.delete(lab.path) == {}
    lab.ada.refused(404, "GET", lab.path)
    assert lab.house.job(ended) is None
    assert not folder.root.exists()
    assert (lab.house.folder_of(lab.ada) / "results" / ended / "model_best.pth").exists()


def test_deleting_while_a_job_is_being_cancelled(lab: Lab):
    job = lab.post("train", {})
    lab.house.move(job, Status.RUNNING)
    lab.ada.post(f"{lab.path}/jobs/{job}:cancel")
    lab.ada.delete(lab.path)
    left = lab.house.job(job)
    assert left
    assert (left.status, left.experiment_id) == ("Canceling", None)


@pytest.mark.shows("GET /experiments/{experiment_id}/specs/{action}/schema")
def test_the_schema_of_an_action(lab: Lab):
    schema = lab.ada.get(f"{lab.path}/specs/evaluate/schema")
    assert {"evaluate", "train", "dataset", "model"} <= set(schema["default"])
    assert "export" not in schema["default"]
    assert "train.optim.lr" in schema["automl_default_parameters"]
    said = lab.ada.refused(404, "GET", f"{lab.path}/specs/prune/schema")
    assert said == "Action prune requested not in train,distill,evaluate,export,gen_trt_engine,inference"


def test_many_patches_at_once_are_all_kept(lab: Lab):
    changes: list[dict[str, object]] = [
        {"name": "n"},
        {"description": "d"},
        {"tags": ["t"]},
        {"model_description": "m"},
        {"tensorboard_enabled": True},
        {"additional_id_info": "i"},
        {"metric": "val_loss"},
        {"shared": True},
    ]
    with ThreadPoolExecutor(len(changes)) as pool:
        list(pool.map(lambda change: lab.ada.patch(lab.path, change), changes))
    found = lab.ada.get(lab.path)
    for change in changes:
        for name, value in change.items():
            assert found[name] == value
