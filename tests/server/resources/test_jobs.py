from concurrent.futures import ThreadPoolExecutor
from typing import Any
from uuid import UUID, uuid4

import pytest
from tests.server.resources.house import House, Lab, Person, new_dataset, stand_on

from tunesmith.networks import get_network
from tunesmith.protocol import Direction, MetricGoal
from tunesmith.server.jobs.inputs import FrozenInputs
from tunesmith.server.jobs.posting import gpus_asked_for
from tunesmith.server.jobs.states import Status
from tunesmith.server.jobs.tables import Job, JobHistory
from tunesmith.server.scheduling.resources import Fleet
from tunesmith.server.scheduling.servers import fleet
from tunesmith.server.scheduling.waiting import look_at_new
from tunesmith.specs import Action, default_spec, validate_spec

TRAIN = {"action": "train", "specs": {}}


def stored(lab: Lab, job_id: str) -> Job:
    job = lab.house.job(job_id)
    assert job
    return job


@pytest.mark.shows("POST /experiments/{experiment_id}/jobs", "GET /experiments/{experiment_id}/jobs/{job_id}")
def test_a_posted_job_is_a_bare_id_that_waits(lab: Lab):
    woken = lab.house.hint.woken
    specs = lab.ada.get(f"{lab.path}/specs/train/schema")["default"]
    specs["train"]["num_epochs"] = 3
    job_id = lab.post("train", specs, name="first", parent_job_id=None)
    assert str(UUID(job_id)) == job_id
    assert lab.house.hint.woken == woken + 1
    reply = lab.ada.get(f"{lab.path}/jobs/{job_id}")
    assert reply.pop("created_on")
    assert reply.pop("last_modified")
    assert reply == {
        "id": job_id,
        "parent_id": None,
        "action": "train",
        "status": "Pending",
        "job_details": {job_id: {"detailed_status": {"message": "Waits for the scheduler"}}},
        "name": "first",
        "description": "",
        "platform_id": None,
        "experiment_id": lab.id,
    }
    for spelling in ("True", "true", "1", "yes", "TRUE", "on"):
        assert lab.ada.get(f"{lab.path}/jobs/{job_id}", return_specs=spelling)["specs"] == specs
    assert "specs" not in lab.ada.get(f"{lab.path}/jobs/{job_id}", return_specs="False")
    (listed,) = lab.ada.get(f"{lab.path}/jobs")["jobs"]
    assert listed["specs"] == specs


def test_a_job_freezes_what_it_needs(lab: Lab):
    job = stored(lab, lab.post("train", {}))
    frozen = FrozenInputs.load(job.inputs)
    assert [str(one.id) for one in frozen.train_datasets] == [lab.train]
    assert frozen.train_datasets[0].source.prefix == "data/training"
    assert frozen.eval_dataset
    assert str(frozen.eval_dataset.id) == lab.val
    assert frozen.inference_dataset is None
    assert frozen.workspace
    assert frozen.workspace.store.id == lab.space
    assert frozen.metric == MetricGoal(name="val_acc_1", direction=Direction.MAXIMIZE)
    assert (job.slot, job.gpus, job.network) == ("cpu", 0, "classification_pyt")


@pytest.mark.parametrize(
    ("metric", "direction"),
    [
        ("val_loss", "minimize"),
        ("loss", "minimize"),
        ("train_loss", "minimize"),
        ("fid50k_full", "minimize"),
        ("val_acc_1", "maximize"),
        ("mIoU", "maximize"),
        ("val Precision at Rank 1", "maximize"),
    ],
)
def test_losses_are_minimised(lab: Lab, metric: str, direction: str):
    lab.ada.patch(lab.path, {"metric": metric})
    goal = FrozenInputs.load(stored(lab, lab.post("train", {})).inputs).metric
    assert goal == MetricGoal(name=metric, direction=Direction(direction))


def test_missing_specs_are_the_defaults_where_an_action_runs_without(lab: Lab):
    parent = lab.trained()
    job = stored(lab, lab.post("evaluate", parent_job_id=parent))
    assert job.specs == default_spec(get_network("classification_pyt").spec, Action.EVALUATE)
    assert job.parent_id == UUID(parent)
    said = lab.ada.refused(400, "POST", f"{lab.path}/jobs", {"action": "train"})
    assert said == "specs: are missing; GET specs/train/schema, edit its default, and post that as specs"


def test_every_problem_of_a_spec_is_named(lab: Lab):
    specs = {
        "train": {"num_epoch": 3, "optim": {"lr": -1, "optim": "adamww"}},
        "dataset": {"batch_size": "8"},
    }
    reply = lab.ada.ask("POST", f"{lab.path}/jobs", {"action": "train", "specs": specs})
    assert reply.status_code == 400
    problems = {one["key"]: one for one in reply.json()["problems"]}
    assert problems["train.num_epoch"]["nearest"] == "train.num_epochs"
    assert problems["train.optim.lr"]["rule"].startswith("must be at least 0")
    assert problems["train.optim.optim"]["nearest"] == "adamw"
    assert problems["dataset.batch_size"]["value"] == "8"


@pytest.mark.parametrize(
    ("change", "status", "said"),
    [
        ({"action": None}, 400, "action: Input should be"),
        ({"action": "fly"}, 400, "action: Input should be"),
        (
            {"action": "prune"},
            404,
            "Action prune requested not in train,distill,evaluate,export,gen_trt_engine,inference",
        ),
        ({"epochs": 3}, 400, "epochs: Extra inputs are not permitted"),
        ({"specs": []}, 400, "specs: Input should be a valid dictionary"),
        ({"specs": {"model_name": "\0"}}, 400, "must not contain the NUL character"),
        ({"specs": {"train": {"num_epochs": -(10**30)}}}, 400, "train.num_epochs: must be at least 1"),
        ({"specs": {"train": {"optim": None}}}, 400, "train.optim: must be an object"),
        ({"num_gpu": 2**63}, 400, "num_gpu"),
        ({"platform_id": "here"}, 400, "platform_id: Input should be a valid UUID"),
        ({"parent_job_id": "x"}, 400, "parent_job_id: Input should be a valid UUID"),
        ({"parent_job_id": str(uuid4())}, 404, "Parent job"),
        ({"name": "n" * 501}, 400, "name: String should have at most 500"),
        (
            {"specs": {"train": {"num_gpus": 2}}},
            400,
            "it needs 2 GPUs, and no machine has more than 0; 1 runs on a processor",
        ),
        (
            {"specs": {"train": {"num_nodes": 2}}},
            400,
            "specs: train.num_nodes: the job can never run here: it needs 2 nodes, and there are 1",
        ),
        ({"memory_gb": 64}, 400, "memory_gb: the job can never run here: it needs 65536 MiB of memory"),
        ({"memory_gb": -1}, 400, "memory_gb: Input should be greater than or equal to 0"),
        ({"platform_id": str(uuid4())}, 400, "GET :gpu_types lists those that there are"),
    ],
)
def test_what_could_never_run_is_refused(lab: Lab, change: dict[str, Any], status: int, said: str):
    assert said in lab.ada.refused(status, "POST", f"{lab.path}/jobs", TRAIN | change)
    assert lab.ada.get(f"{lab.path}/jobs") == {"jobs": []}


@pytest.mark.parametrize("body", [None, [], "train", 1])
def test_a_body_that_is_no_object_is_refused(lab: Lab, body: object):
    lab.ada.refused(400, "POST", f"{lab.path}/jobs", body)


def test_a_body_nested_without_end_is_refused(lab: Lab):
    specs: dict[str, Any] = {}
    for _ in range(200):
        specs = {"a": specs}
    assert "nested" in lab.ada.refused(400, "POST", f"{lab.path}/jobs", TRAIN | {"specs": specs})


def test_a_job_that_waits_for_a_slot_tells_its_place(lab: Lab):
    first, second = lab.post("train", {}), lab.post("train", {})
    with lab.house.database.write() as session:
        look_at_new(session, fleet(session))

    def said(job: dict[str, Any]) -> str:
        return str(job["job_details"][job["id"]]["detailed_status"]["message"])

    listed = {job["id"]: said(job) for job in lab.ada.get(f"{lab.path}/jobs")["jobs"]}
    assert listed == {
        first: "Waits for a free processor slot; place 1 of 2 in the queue",
        second: "Waits for a free processor slot; place 2 of 2 in the queue",
    }
    assert said(lab.ada.get(f"{lab.path}/jobs/{second}")) == listed[second]


def test_gpus_are_counted(lab: Lab):
    stand_on(lab.house.database, "box", "A", "B")
    job = stored(lab, lab.post("train", {"train": {"num_gpus": 2}}))
    assert (job.slot, job.gpus) == ("gpu", 2)
    said = lab.ada.refused(400, "POST", f"{lab.path}/jobs", TRAIN | {"specs": {"train": {"num_gpus": 3}}})
    assert said == (
        "specs: train.num_gpus: the job can never run here: it needs 3 GPUs, and no machine has more than 2"
    )
    certain = stored(lab, lab.post("train", {"train": {"num_gpus": 1, "gpu_ids": [1]}}))
    assert (certain.gpus, certain.gpu_ids) == (1, [1])
    any_one = stored(lab, lab.post("train", {"train": {"num_gpus": 1, "gpu_ids": [0]}}))
    assert any_one.gpu_ids == []  # the published default, which clients send back
    said = lab.ada.refused(400, "POST", f"{lab.path}/jobs", TRAIN | {"specs": {"train": {"gpu_ids": [5]}}})
    assert "train.gpu_ids: the job can never run here: it needs the GPUs 5" in said
    parent = lab.trained()
    job = stored(lab, lab.post("export", parent_job_id=parent))
    assert (job.slot, job.gpus) == ("cpu", 0)
    for action in ("evaluate", "inference"):
        job = stored(lab, lab.post(action, {action: {"gpu_ids": [1]}}, parent_job_id=parent))
        assert (job.slot, job.gpus, job.gpu_ids) == ("gpu", 1, [1])


def test_processes_of_the_older_dialect_are_gpus():
    spec = get_network("classification_tf2").spec
    for sent, gpus in (({}, 1), ({"num_gpus": 2}, 2), ({"num_processes": 2}, 2)):
        assert gpus_asked_for(validate_spec(spec, sent), Fleet([])) == (gpus, (0,))


def test_an_engine_for_a_gpu_is_built_on_it(lab: Lab):
    def built(**keys: Any) -> Job:
        exported = lab.post("export", parent_job_id=lab.trained())
        return stored(lab, lab.post("gen_trt_engine", {"gen_trt_engine": keys}, parent_job_id=exported))

    assert built(gpu_id=0).slot == "cpu"  # there is no GPU yet
    stand_on(lab.house.database, "box", "A", "B")
    certain, any_one, other = built(gpu_id=1), built(gpu_id=0), built(gpu_id=1, runtime="openvino")
    assert (certain.slot, certain.gpus, certain.gpu_ids) == ("gpu", 1, [1])
    assert (any_one.gpus, any_one.gpu_ids) == (1, [])
    assert (other.slot, other.gpu_ids) == ("cpu", [])
    sent = {"action": "gen_trt_engine", "specs": {"gen_trt_engine": {"gpu_id": 2}}}
    said = lab.ada.refused(400, "POST", f"{lab.path}/jobs", sent | {"parent_job_id": str(certain.parent_id)})
    assert said.startswith("specs: gen_trt_engine.gpu_id: the job can never run here: it needs the GPUs 2")


def test_training_needs_data(lab: Lab):
    lab.ada.patch(lab.path, {"train_datasets": []})
    said = lab.ada.refused(400, "POST", f"{lab.path}/jobs", TRAIN)
    assert said == (
        f'train needs a dataset: PATCH experiment {lab.id} with {{"train_datasets": ["DATASET_ID"]}} first'
    )


def test_actions_take_the_data_that_there_is(lab: Lab):
    parent = lab.trained()

    def read(action: str) -> list[str]:
        job = stored(lab, lab.post(action, parent_job_id=parent))
        return [str(one.id) for one in FrozenInputs.load(job.inputs).datasets()]

    assert read("evaluate") == read("inference") == [lab.val]
    assert read("export") == [lab.val]
    raw = new_dataset(lab.ada, lab.space, format="raw")
    lab.ada.patch(lab.path, {"inference_dataset": raw})
    assert (read("evaluate"), read("inference")) == ([lab.val], [raw])
    test = new_dataset(lab.ada, lab.space, use_for=["testing"])
    lab.ada.patch(lab.path, {"eval_dataset": None})
    assert (read("evaluate"), read("inference")) == ([lab.train], [raw])
    lab.ada.patch(lab.path, {"inference_dataset": test})
    assert read("evaluate") == read("inference") == [test]
    lab.ada.patch(lab.path, {"inference_dataset": None})
    assert read("evaluate") == read("inference") == [lab.train]
    lab.ada.patch(f"datasets/{lab.train}", {"cloud_file_path": "elsewhere"})
    assert read("export") == []
    lab.ada.patch(lab.path, {"train_datasets": []})
    for action, role in (("evaluate", "eval_dataset"), ("inference", "inference_dataset")):
        body = {"action": action, "parent_job_id": parent}
        assert f'{{"{role}": "DATASET_ID"}}' in lab.ada.refused(400, "POST", f"{lab.path}/jobs", body)


def test_datasets_are_checked_again_when_a_job_is_posted(lab: Lab):
    lab.ada.patch(f"datasets/{lab.train}", {"use_for": ["evaluation"]})
    assert "train_datasets needs training" in lab.ada.refused(400, "POST", f"{lab.path}/jobs", TRAIN)
    lab.ada.patch(f"datasets/{lab.train}", {"use_for": []})
    lab.ada.patch(f"datasets/{lab.train}", {"cloud_file_path": "elsewhere"})
    waits = stored(lab, lab.post("train", {}))
    assert FrozenInputs.load(waits.inputs).train_datasets[0].revision == 2
    lab.house.settle_pull(lab.train, "invalid_pull", "classes.txt: is missing. Upload it.")
    said = lab.ada.refused(400, "POST", f"{lab.path}/jobs", TRAIN)
    assert f"({lab.train}) is not usable. classes.txt: is missing. Upload it." in said


def test_a_dataset_outlives_its_workspace(lab: Lab):
    other = lab.house.workspace(lab.ada)
    dataset = new_dataset(lab.ada, other)
    lab.house.settle_pull(dataset)
    lab.ada.delete(f"workspaces/{other}")
    lab.ada.patch(lab.path, {"train_datasets": [dataset]})
    frozen = FrozenInputs.load(stored(lab, lab.post("train", {})).inputs)
    assert frozen.train_datasets[0].source.store.id == other


def test_searches_are_not_there_yet(lab: Lab):
    lab.ada.patch(lab.path, {"automl_settings": {"automl_enabled": True, "automl_algorithm": "bayesian"}})
    assert "AutoML is not available" in lab.ada.refused(400, "POST", f"{lab.path}/jobs", TRAIN)
    lab.ada.patch(lab.path, {"automl_settings": {"automl_enabled": False}})
    lab.post("train", {})


@pytest.mark.parametrize("action", ["evaluate", "export", "inference"])
def test_what_needs_a_model_needs_a_parent(lab: Lab, action: str):
    body = {"action": action, "parent_job_id": None}
    said = lab.ada.refused(400, "POST", f"{lab.path}/jobs", body)
    assert said.startswith(f"parent_job_id: {action} needs the model of another job.")
    assert "post one first" in said
    train = lab.trained()
    assert f"e.g. {train} (train, Done)" in lab.ada.refused(400, "POST", f"{lab.path}/jobs", body)


def test_parents_that_fit_and_that_do_not(lab: Lab, ada: Person):
    train = lab.post("train", {})
    evaluation = lab.post("evaluate", parent_job_id=train)
    onnx = lab.post("export", parent_job_id=train)
    lab.post("inference", parent_job_id=onnx)
    for parent, action in ((evaluation, "inference"), (onnx, "export"), (evaluation, "evaluate")):
        body = {"action": action, "parent_job_id": parent}
        assert f"{action} cannot follow" in ada.refused(400, "POST", f"{lab.path}/jobs", body)
    lab.house.move(train, Status.RUNNING, Status.ERROR)
    body = {"action": "export", "parent_job_id": train}
    assert "ended in an error" in ada.refused(400, "POST", f"{lab.path}/jobs", body)


def test_a_parent_may_be_of_another_experiment_that_the_caller_may_see(lab: Lab, bob: Person):
    body = {"action": "export", "parent_job_id": lab.trained()}
    other = lab.ada.post("experiments", {"network_arch": "classification_pyt", "workspace": lab.space})["id"]
    child = lab.ada.post(f"experiments/{other}/jobs", body)
    assert lab.ada.get(f"experiments/{other}/jobs/{child}")["parent_id"] == body["parent_job_id"]

    mine = {"network_arch": "classification_pyt", "workspace": lab.house.workspace(bob)}
    bobs = bob.post("experiments", mine)["id"]
    said = bob.refused(404, "POST", f"experiments/{bobs}/jobs", body)
    assert said == f"Parent job {body['parent_job_id']} not found"
    lab.ada.patch(lab.path, {"shared": True})
    bob.post(f"experiments/{bobs}/jobs", body)


def test_a_parent_may_be_of_a_dataset_where_no_model_is_needed(lab: Lab):
    lab.house.insert(dataset_id=lab.train, action="dataset_convert", status="Done", of=lab.ada)
    converted = lab.ada.get(f"datasets/{lab.train}/jobs")["jobs"][0]["id"]
    train = lab.post("train", {}, parent_job_id=converted)
    assert stored(lab, train).parent_id == UUID(converted)
    body = {"action": "export", "parent_job_id": converted}
    said = lab.ada.refused(400, "POST", f"{lab.path}/jobs", body)
    assert (
        f"export cannot follow dataset_convert. Name a job of train or distill, e.g. {train} (train" in said
    )


def test_a_parent_is_no_pull_and_its_model_is_of_the_same_network(lab: Lab):
    pull = str(lab.house.pull_of(lab.train).id)
    body = {"action": "train", "specs": {}, "parent_job_id": pull}
    lab.ada.refused(404, "POST", f"{lab.path}/jobs", body)
    other = lab.trained()
    lab.house.change(other, network="rtdetr")
    said = lab.ada.refused(400, "POST", f"{lab.path}/jobs", {"action": "export", "parent_job_id": other})
    assert (
        f"the model of job {other} is a rtdetr, and this experiment's network is classification_pyt" in said
    )


def test_a_job_is_reached_through_its_own_experiment_alone(lab: Lab, bob: Person, eve: Person):
    job = lab.trained()
    other = lab.ada.post("experiments", {"network_arch": "classification_pyt", "workspace": lab.space})["id"]
    doors = [(lab.ada, f"experiments/{other}"), (lab.ada, f"datasets/{lab.train}")]
    doors += [(person, lab.path) for person in (bob, eve)]
    for person, door in doors:
        for verb in ("", "/logs", "/schema", ":list_files", ":download", ":download_selective_files"):
            person.refused(404, "GET", f"{door}/jobs/{job}{verb}")
        person.refused(404, "POST", f"{door}/jobs/{job}:cancel")
        person.refused(404, "DELETE", f"{door}/jobs/{job}")
    assert lab.ada.get(f"{lab.path}/jobs/{job}")["status"] == "Done"


@pytest.mark.parametrize("verb", ["", "/logs", ":list_files", ":get_epoch_numbers"])
def test_an_id_that_is_none_is_refused(lab: Lab, verb: str):
    assert "is not a valid id" in lab.ada.refused(400, "GET", f"{lab.path}/jobs/x{verb}")
    assert "is not a valid id" in lab.ada.refused(400, "GET", f"experiments/x/jobs/{uuid4()}{verb}")


def test_the_jobs_of_all_experiments(lab: Lab, eve: Person):
    job = lab.post("train", {})
    for every in ("all", "*"):
        assert [one["id"] for one in lab.ada.get(f"experiments/{every}/jobs")["jobs"]] == [job]
        assert lab.ada.get(f"datasets/{every}/jobs") == eve.get(f"experiments/{every}/jobs") == {"jobs": []}
    lab.ada.refused(400, "POST", "experiments/all/jobs", TRAIN)


@pytest.mark.shows("GET /experiments/{experiment_id}/jobs")
def test_jobs_are_listed_in_pages(lab: Lab):
    jobs = [lab.post("train", {}) for _ in range(3)]
    reply = lab.ada.get(f"{lab.path}/jobs", skip=1, size=1, sort="date-ascending", return_specs="false")
    assert [one["id"] for one in reply["jobs"]] == [jobs[1]]
    assert reply["pagination_info"]["total_records"] == 3
    assert "specs" not in reply["jobs"][0]
    newest_first = lab.ada.get(f"{lab.path}/jobs", sort="speed-ascending")["jobs"]
    assert [one["id"] for one in newest_first] == jobs[::-1]


@pytest.mark.shows("GET /experiments/{experiment_id}/jobs/{job_id}/schema")
def test_the_schema_of_a_job_has_its_own_specs(lab: Lab):
    job = lab.post("train", {"train": {"num_epochs": 77}})
    schema = lab.ada.get(f"{lab.path}/jobs/{job}/schema")
    assert schema["default"]["train"]["num_epochs"] == 77
    assert schema["properties"]["train"]["properties"]["num_epochs"]["default"] == 10


@pytest.mark.shows("POST /experiments/{experiment_id}/jobs/{job_id}:cancel")
def test_cancelling(lab: Lab):
    waiting, running = lab.post("train", {}), lab.post("train", {})
    lab.house.move(running, Status.RUNNING)
    for _ in range(2):
        woken = lab.house.hint.woken
        for job in (waiting, running):
            assert lab.ada.post(f"{lab.path}/jobs/{job}:cancel") == {}
        assert (stored(lab, waiting).status, stored(lab, running).status) == ("Canceled", "Canceling")
    assert lab.house.hint.woken == woken
    with lab.house.database.read() as session:
        why = [(row.actor, row.reason) for row in session.query(JobHistory) if str(row.job_id) == waiting]
    assert why == [("ada", "cancelled on request")]


@pytest.mark.parametrize("status", ["Done", "Error", "Pausing", "Paused"])
def test_what_cannot_be_cancelled(lab: Lab, status: str):
    job = lab.post("train", {})
    lab.house.change(job, status=status)
    assert f"is {status}" in lab.ada.refused(400, "POST", f"{lab.path}/jobs/{job}:cancel")


@pytest.mark.shows("DELETE /experiments/{experiment_id}/jobs/{job_id}")
@pytest.mark.parametrize("status", ["Done", "Error", "Canceled", "Paused"])
def test_deleting_a_job(lab: Lab, status: str):
    job = lab.post("train", {})
    said = lab.ada.refused(400, "DELETE", f"{lab.path}/jobs/{job}")
    assert said == f"job cannot be deleted: {job} is Pending; cancel it first"
    child = lab.post("export", parent_job_id=job)
    lab.house.change(job, status=status)
    assert lab.ada.delete(f"{lab.path}/jobs/{job}") == {}
    lab.ada.refused(404, "DELETE", f"{lab.path}/jobs/{job}")
    assert lab.ada.get(f"{lab.path}/jobs/{child}")["parent_id"] is None


def test_a_job_with_odd_details_is_still_shown(lab: Lab):
    job = lab.post("train", {})
    details = {
        "at": "2026-01-01T00:00:00Z",
        "curves": {"x": {"1": None}},
        "message": "m" * 9000,
        "status": "RUNNING",
    }
    lab.house.change(job, details=details, status="Running")
    shown = lab.ada.get(f"{lab.path}/jobs/{job}")["job_details"][job]
    assert shown["graphical"][0]["values"] == {"1": None}
    assert len(shown["detailed_status"]["message"]) == 6400
    assert len(lab.ada.get(lab.path)["jobs"][job]["detailed_status_message"]) == 6400


def test_jobs_posted_at_once_are_all_accepted(lab: Lab):
    with ThreadPoolExecutor(6) as pool:
        jobs = list(pool.map(lambda _: lab.post("train", {}), range(6)))
    assert sorted(one["id"] for one in lab.ada.get(f"{lab.path}/jobs")["jobs"]) == sorted(jobs)


def test_cancelling_twice_at_once(lab: Lab):
    job = lab.post("train", {})
    lab.house.move(job, Status.RUNNING)
    with ThreadPoolExecutor(4) as pool:
        replies = list(pool.map(lambda _: lab.ada.ask("POST", f"{lab.path}/jobs/{job}:cancel"), range(4)))
    assert [reply.status_code for reply in replies] == [200] * 4
    assert stored(lab, job).status == "Canceling"


def test_deleting_an_experiment_while_jobs_are_posted(house: House, lab: Lab):
    def act(number: int) -> int:
        if number == 2:
            return lab.ada.ask("DELETE", lab.path).status_code
        return lab.ada.ask("POST", f"{lab.path}/jobs", TRAIN).status_code

    with ThreadPoolExecutor(5) as pool:
        codes = list(pool.map(act, range(5)))
    assert set(codes) <= {200, 400, 404}
    gone = lab.ada.ask("GET", lab.path).status_code == 404
    with house.database.read() as session:
        assert session.query(Job).filter(Job.internal.is_(False)).count() == codes.count(200) - gone
