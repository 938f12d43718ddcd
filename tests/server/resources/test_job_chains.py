"""Jobs that are posted with their experiment, and experiments that begin like another one."""

from typing import Any

import pytest
from tests.server.resources.house import Lab, Person

from tunesmith.server.jobs.inputs import FrozenInputs
from tunesmith.server.jobs.states import Status

TRAIN: dict[str, Any] = {"action": "train", "specs": {"train": {"num_epochs": 3}}, "name": "first"}


def created(lab: Lab, actions: list[dict[str, Any]], **fields: Any) -> dict[str, Any]:
    reply: dict[str, Any] = lab.ada.post("experiments", body(lab, actions) | fields)
    return reply


def body(lab: Lab, actions: list[dict[str, Any]]) -> dict[str, Any]:
    data = {"train_datasets": [lab.train], "eval_dataset": lab.val, "workspace": lab.space}
    return {"network_arch": "classification_pyt", "experiment_actions": actions} | data


def jobs_of(lab: Lab, experiment: str) -> list[dict[str, Any]]:
    listed: list[dict[str, Any]] = lab.ada.get(f"experiments/{experiment}/jobs", sort="date-ascending")[
        "jobs"
    ]
    return listed


@pytest.mark.shows("POST /experiments")
def test_an_experiment_can_begin_with_a_chain_of_jobs(lab: Lab):
    actions = [TRAIN, {"action": "evaluate"}, {"action": "export"}, {"action": "inference"}]
    woken = lab.house.hint.woken
    reply = created(lab, actions)
    assert lab.house.hint.woken > woken
    train, evaluation, export, inference = jobs_of(lab, reply["id"])
    assert [one["parent_id"] for one in (train, evaluation, export, inference)] == [
        None,
        train["id"],
        train["id"],
        export["id"],
    ]
    assert (train["name"], train["specs"]["train"]["num_epochs"]) == ("first", 3)
    assert list(reply["jobs"]) == [train["id"], evaluation["id"], export["id"], inference["id"]]
    assert reply["experiment_actions"] == actions
    assert lab.ada.get(f"experiments/{reply['id']}")["experiment_actions"] == actions


def test_a_chain_can_begin_with_a_job_of_another_experiment(lab: Lab):
    parent = lab.trained()
    reply = created(lab, [{"action": "export", "parent_job_id": parent}, {"action": "inference"}])
    export, inference = jobs_of(lab, reply["id"])
    assert (export["parent_id"], inference["parent_id"]) == (parent, export["id"])


@pytest.mark.parametrize(
    ("actions", "status", "said"),
    [
        (
            [{"action": "export"}, TRAIN],
            400,
            "Invalid workflow chaining: experiment_actions has export at the beginning, and export needs",
        ),
        ([{"action": "inference"}], 400, "Invalid workflow chaining"),
        ([TRAIN, {"action": "prune"}], 404, "Action prune requested not in train,"),
        ([TRAIN, {"action": "train"}], 400, "specs: are missing"),
        ([TRAIN | {"specs": {"train": {"num_epoch": 3}}}], 400, "train.num_epoch: is not a key"),
        ([{"action": "fly"}], 400, "experiment_actions.0.action: Input should be"),
        ([None], 400, "experiment_actions.0"),
        ([TRAIN | {"epochs": 1}], 400, "experiment_actions.0.epochs: Extra inputs"),
        ([TRAIN] * 101, 400, "experiment_actions: List should have at most 100"),
    ],
)
def test_a_chain_that_could_not_run_leaves_no_experiment(
    lab: Lab, actions: list[Any], status: int, said: str
):
    assert said in lab.ada.refused(status, "POST", "experiments", body(lab, actions))
    assert [one["id"] for one in lab.ada.get("experiments")["experiments"]] == [lab.id]


def test_a_change_posts_no_jobs(lab: Lab):
    reply = lab.ada.patch(lab.path, {"experiment_actions": [TRAIN], "retry_experiment_id": lab.id})
    assert reply["experiment_actions"] == []
    assert "jobs" not in reply


def test_an_experiment_can_run_the_jobs_of_another_again(lab: Lab):
    lab.ada.patch(lab.path, {"name": "digits", "metric": "val_loss", "tags": ["small"], "shared": True})
    train = lab.post("train", {"train": {"num_epochs": 7}}, name="long", description="d")
    lab.house.move(train, Status.RUNNING, Status.ERROR)
    second = lab.trained()
    evaluation = lab.post("evaluate", parent_job_id=second)
    elsewhere = created(lab, [TRAIN])["id"]
    foreign = jobs_of(lab, elsewhere)[0]["id"]
    lab.post("export", parent_job_id=foreign)
    chosen = {f"from_epoch_number_{second}": 4}
    lab.ada.patch(
        lab.path, {"checkpoint_choose_method": "from_epoch_number", "checkpoint_epoch_number": chosen}
    )

    reply = lab.ada.post("experiments", {"retry_experiment_id": lab.id})
    one, two, three, four = jobs_of(lab, reply["id"])
    assert [job["action"] for job in (one, two, three, four)] == ["train", "train", "evaluate", "export"]
    assert {job["status"] for job in (one, two, three, four)} == {"Pending"}
    assert (one["name"], one["description"], one["specs"]["train"]["num_epochs"]) == ("long", "d", 7)
    assert (three["parent_id"], four["parent_id"]) == (two["id"], foreign)
    same = ("network_arch", "workspace", "train_datasets", "eval_dataset", "metric", "tags")
    source = lab.ada.get(lab.path)
    assert {name: reply[name] for name in same} == {name: source[name] for name in same}
    assert (reply["name"], reply["shared"]) == ("digits Retry", False)
    assert lab.ada.get(f"experiments/{reply['id']}")["checkpoint_epoch_number"] == {
        f"from_epoch_number_{two['id']}": 4
    }
    assert lab.ada.get(f"{lab.path}/jobs/{evaluation}")["status"] == "Pending"


def test_what_the_request_sets_wins_over_what_it_is_to_be_like(lab: Lab):
    lab.post("train", {})
    fields = {"name": "new", "metric": "val_loss", "train_datasets": [lab.train], "eval_dataset": None}
    reply = lab.ada.post("experiments", {"retry_experiment_id": lab.id} | fields)
    assert {name: reply[name] for name in fields} == fields
    job = lab.house.job(jobs_of(lab, reply["id"])[0]["id"])
    assert job
    assert FrozenInputs.load(job.inputs).eval_dataset is None
    wrong = {"retry_experiment_id": lab.id, "network_arch": "rtdetr"}
    said = lab.ada.refused(400, "POST", "experiments", wrong)
    assert said.startswith("network_arch: must be that of retry_experiment_id, classification_pyt")


def test_a_key_of_ones_own_goes_along_and_stays_hidden(lab: Lab):
    lab.ada.patch(lab.path, {"encryption_key": "sesame"})
    reply = lab.ada.post("experiments", {"retry_experiment_id": lab.id})
    assert reply["encryption_key"] == "********"


def test_only_ones_own_experiment_is_run_again(lab: Lab, bob: Person, eve: Person):
    for person, code in ((bob, 403), (eve, 404)):
        lab.ada.patch(lab.path, {"shared": True})
        person.refused(code, "POST", "experiments", {"retry_experiment_id": lab.id})


def test_an_experiment_without_data_cannot_be_run_again(lab: Lab):
    lab.post("train", {})
    lab.ada.patch(lab.path, {"train_datasets": []})
    said = lab.ada.refused(400, "POST", "experiments", {"retry_experiment_id": lab.id})
    assert "train needs a dataset" in said
    assert [one["id"] for one in lab.ada.get("experiments")["experiments"]] == [lab.id]
