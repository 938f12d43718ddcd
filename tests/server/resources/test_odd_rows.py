"""A row that was damaged, or holds what JSON cannot, is shown as far as it makes sense; no list breaks."""

import json
from typing import Any

import pytest
from sqlalchemy import update
from tests.server.resources.house import Lab

from tunesmith.server.tables import Dataset, Experiment

NAN, INFINITY = float("nan"), float("inf")
AT = "2026-01-01T00:00:00Z"

ODD_DETAILS: list[Any] = [
    None,
    [],
    "text",
    7,
    {"at": "yesterday", "epoch": "many", "max_epoch": None, "eta": "soon", "message": None},
    {"at": AT, "epoch": 2**70, "eta": 1e300, "seconds_per_step": -5, "message": ["x"]},
    {"at": AT, "step": -1, "seconds_per_epoch": True, "epoch": {"deep": [1]}},
    {"at": AT, "curves": {"loss": "down"}, "results": [1], "categories": {"a": 1}},
    {"at": AT, "status": "DANCING", "cause": "sunspots", "notes": "one", "log_tail": [1]},
    {"unknown": {"deep": [1]}, "message": "m" * 20_000, "at": AT},
]
NO_JSON: list[Any] = [
    {"at": AT, "epoch": NAN, "max_epoch": INFINITY, "eta": NAN},
    {"at": AT, "eta": INFINITY, "message": "long"},
    {"at": AT, "results": {"val_acc_1": NAN}, "outcome": {"best": [NAN, {"x": INFINITY}]}},
]
"""What a database of JSON text takes, although it is none."""


def read_everything(lab: Lab, job_id: str) -> dict[str, Any]:
    """Each place in which the job shows; the job itself."""
    for path in (lab.path, "experiments", f"{lab.path}/jobs", "experiments/all/jobs"):
        lab.ada.get(path)
    for verb in (":automl_details", "/schema"):
        lab.ada.get(f"{lab.path}/jobs/{job_id}{verb}")
    assert lab.ada.ask("GET", f"{lab.path}/jobs/{job_id}/logs").status_code in {200, 404}
    shown: dict[str, Any] = lab.ada.get(f"{lab.path}/jobs/{job_id}", return_specs="yes")
    return shown


@pytest.mark.parametrize("details", ODD_DETAILS, ids=range(len(ODD_DETAILS)))
def test_odd_details_are_shown_as_far_as_they_make_sense(lab: Lab, details: Any):
    job = lab.post("train", {})
    lab.house.change(job, details=details, status="Running")
    assert read_everything(lab, job)["status"] == "Running"


@pytest.mark.parametrize("details", NO_JSON, ids=range(len(NO_JSON)))
def test_numbers_that_json_does_not_have_are_left_out(lab: Lab, details: Any):
    job = lab.post("train", {})
    lab.house.change(job, details=details, status="Running")
    shown = read_everything(lab, job)["job_details"][job]
    assert (shown["epoch"], shown["max_epoch"], shown["eta"], shown["key_metric"]) == (0, 1, "", 0.0)
    json.dumps(shown, allow_nan=False)


def test_a_point_that_is_no_number_is_a_gap_in_its_curve(lab: Lab):
    job = lab.post("train", {})
    curve = {"1": NAN, "2": INFINITY, "3": "x", "4": 0.5}
    details = {
        "at": AT,
        "curves": {"loss": curve},
        "epoch": 4,
        "max_epoch": 9,
        "eta": NAN,
    }
    lab.house.change(job, details=details, status="Running")
    shown = read_everything(lab, job)["job_details"][job]
    (graph,) = shown["graphical"]
    assert graph["values"] == {"1": None, "2": None, "3": None, "4": 0.5}
    assert (graph["y_min"], graph["y_max"], graph["x_max"]) == (0.0, 0.5, 4)
    assert (shown["epoch"], shown["max_epoch"], shown["eta"]) == (4, 9, "")


@pytest.mark.parametrize("inputs", [None, [], {"metric": 5}, {"train_datasets": "x", "metric": None}])
def test_odd_inputs_do_not_hide_a_job(lab: Lab, inputs: Any):
    job = lab.trained()
    lab.house.change(job, inputs=inputs)
    assert read_everything(lab, job)["status"] == "Done"
    said = lab.ada.refused(404, "GET", f"{lab.path}/jobs/{job}:list_files")
    assert job in said


def test_odd_specs_and_states_do_not_hide_a_job(lab: Lab):
    job = lab.post("train", {})
    lab.house.change(job, specs={"train": {"num_epochs": NAN}}, status="Dreaming")
    shown = read_everything(lab, job)
    assert (shown["status"], shown["specs"]) == ("Error", {"train": {"num_epochs": None}})
    assert lab.ada.get(lab.path)["jobs"][job]["status"] == "Error"


def test_the_number_of_gpus_is_taken_and_never_shown(lab: Lab):
    job = lab.post("train", {}, num_gpu=1)
    shown = [lab.ada.get(f"{lab.path}/jobs/{job}"), *lab.ada.get(f"{lab.path}/jobs")["jobs"]]
    assert all("num_gpu" not in one and "sync" not in one for one in shown)


def test_every_field_of_the_details_has_the_published_form(lab: Lab):
    job = lab.post("train", {})
    details = {
        "at": "2026-03-04T05:06:07Z",
        "epoch": 2,
        "max_epoch": 10,
        "step": 17,
        "eta": 3725.2,
        "seconds_per_epoch": 61.0,
        "seconds_per_step": 0.25,
        "status": "RUNNING",
        "message": "epoch 2",
        "curves": {"train_loss": {"1": 0.5, "2": 0.25}, "val_acc_1": {"1": 0.75}},
        "categories": {"recall": {"cat": 0.5, "dog": None}},
    }
    lab.house.change(job, details=details, status="Running")
    shown = lab.ada.get(f"{lab.path}/jobs/{job}")["job_details"][job]
    known = {name: shown[name] for name in shown if name not in {"notes", "outcome"}}
    assert known == {
        "graphical": [
            {
                "metric": "train_loss",
                "values": {"1": 0.5, "2": 0.25},
                "x_min": 0,
                "x_max": 2,
                "y_min": 0.0,
                "y_max": 0.5,
                "units": None,
            },
            {
                "metric": "val_acc_1",
                "values": {"1": 0.75},
                "x_min": 0,
                "x_max": 1,
                "y_min": 0.0,
                "y_max": 0.75,
                "units": None,
            },
        ],
        "kpi": [
            {"metric": "train_loss", "values": {"2": 0.25}},
            {"metric": "val_acc_1", "values": {"1": 0.75}},
        ],
        "categorical": [
            {
                "metric": "recall",
                "category_wise_values": [
                    {"category": "cat", "value": 0.5},
                    {"category": "dog", "value": None},
                ],
            }
        ],
        "epoch": 2,
        "max_epoch": 10,
        "cur_iter": 17,
        "eta": "1:02:05",
        "time_per_epoch": "0:01:01",
        "time_per_iter": "0:00:00.250",
        "key_metric": 0.75,
        "detailed_status": {
            "date": "3/4/2026",
            "time": "05:06:07",
            "message": "epoch 2",
            "status": "RUNNING",
        },
    }


@pytest.mark.parametrize(
    "values",
    [
        {"echoed": {}},
        {"echoed": []},
        {"echoed": {"realtime_infer": "perhaps", "model_params": 7, "surprise": 1}},
        {"tags": [1, {}], "checkpoint_epoch_number": ["x"], "automl_settings": [], "base_experiment": "x"},
        {"checkpoint_choose_method": "luck", "network_arch": "forgotten", "metric": ""},
        {"train_datasets": ["no id"]},
    ],
)
def test_an_odd_experiment_is_still_shown(lab: Lab, values: dict[str, Any]):
    with lab.house.database.write() as session:
        session.execute(update(Experiment).values(values))
    for path in (lab.path, "experiments"):
        lab.ada.get(path)
    assert lab.ada.get(lab.path)["name"] == "My Experiment"


@pytest.mark.parametrize(
    "values",
    [
        {"type": "paintings", "format": "oil", "status": "drying"},
        {"use_for": ["fun", 1], "base_experiment": {"a": 1}},
        {"report": [1, 2]},
    ],
)
def test_an_odd_dataset_is_still_shown(lab: Lab, values: dict[str, Any]):
    with lab.house.database.write() as session:
        session.execute(update(Dataset).values(values))
    lab.ada.get("datasets")
    assert lab.ada.get(f"datasets/{lab.train}")["id"] == lab.train
