"""Keys of specs that say where a job's results go, and which file of its parent it takes."""

from uuid import UUID

import pytest
from tests.server.resources.house import Lab

from tunesmith.protocol import JobRequest
from tunesmith.server.jobs.checkpoints import NoSuchModelError, named_file
from tunesmith.server.scheduling.claims import Claim
from tunesmith.server.scheduling.requests import build_orders
from tunesmith.workers.base import Demand, Slot

PARENT = UUID("11111111-2222-3333-4444-555555555555")
LISTING = ["log.txt", "model_best.pth", "model_epoch_003.pth", "old/model.engine"]


@pytest.mark.parametrize(
    ("action", "key", "named", "found"),
    [
        ("evaluate", "checkpoint", "model_epoch_003.pth", "model_epoch_003.pth"),
        ("evaluate", "checkpoint", f"/results/{PARENT}/model_epoch_003.pth", "model_epoch_003.pth"),
        ("evaluate", "trt_engine", "old/model.engine", "old/model.engine"),
        ("inference", "checkpoint", "model_best.pth", "model_best.pth"),
        ("inference", "trt_engine", "old/model.engine", "old/model.engine"),
        ("export", "checkpoint", "model_best.pth", "model_best.pth"),
        ("prune", "checkpoint", "model_best.pth", "model_best.pth"),
        ("evaluate", "checkpoint", "???", None),
        ("evaluate", "trt_engine", "", None),
        ("train", "checkpoint", "model_best.pth", None),
    ],
)
def test_specs_may_name_a_file_of_the_parent(action: str, key: str, named: str, found: str | None):
    assert named_file(action, {action: {key: named}}, PARENT, LISTING) == found


def test_other_sections_name_files_too():
    graphs = ["a.onnx", "b.onnx"]
    assert (
        named_file("gen_trt_engine", {"gen_trt_engine": {"onnx_file": "b.onnx"}}, PARENT, graphs) == "b.onnx"
    )
    retrain = {"train": {"pruned_model_path": "model.pth"}}
    assert named_file("retrain", retrain, PARENT, ["model.pth"]) == "model.pth"
    assert named_file("train", retrain, PARENT, ["model.pth"]) is None


def test_an_engine_goes_before_a_checkpoint():
    both = {"evaluate": {"checkpoint": "model_best.pth", "trt_engine": "old/model.engine"}}
    assert named_file("evaluate", both, PARENT, LISTING) == "old/model.engine"


@pytest.mark.parametrize("named", ["model_epoch_004.pth", "log.txt"])
def test_a_file_that_is_no_model_of_the_parent_is_refused(named: str):
    with pytest.raises(NoSuchModelError) as refusal:
        named_file("evaluate", {"evaluate": {"checkpoint": named}}, PARENT, LISTING)
    assert str(refusal.value) == (
        f"evaluate.checkpoint: the parent job {PARENT} has no model '{named}'. "
        "Its models are: model_best.pth, model_epoch_003.pth, old/model.engine."
    )


def told_to_worker(lab: Lab, job_id: str) -> JobRequest:
    claim = Claim(UUID(job_id), UUID(int=1), Demand(Slot.CPU), ())
    return build_orders(lab.house.database, lab.house.vault, lab.house.settings, claim).request


def test_a_job_works_in_the_folder_that_its_specs_name_and_its_child_finds_it_there(lab: Lab):
    job = lab.post("train", {"results_dir": "/results/first", "train": {"results_dir": "try/one"}})
    results = told_to_worker(lab, job).results
    assert results
    assert results.location.prefix == f"results/{job}/try/one"
    names = ("model_best.pth", "model_epoch_002.pth")
    lab.leave_files(job, {f"try/one/{name}": b"weights" for name in names})
    assert sorted(lab.ada.get(f"{lab.path}/jobs/{job}:list_files")) == [
        f"results/{job}/try/one/{name}" for name in names
    ]
    assert lab.ada.get(f"{lab.path}/jobs/{job}:get_epoch_numbers") == {"data": [2]}
    child = lab.post("evaluate", {"evaluate": {"checkpoint": names[1]}}, parent_job_id=job)
    request = told_to_worker(lab, child)
    assert request.parent
    assert (request.parent.results.prefix, request.parent.files) == (f"results/{job}/try/one", (names[1],))
    assert request.results
    assert request.results.location.prefix == f"results/{child}"
    untouched = told_to_worker(lab, lab.post("export", parent_job_id=job))
    assert untouched.parent
    assert untouched.parent.files == ("model_best.pth",)


def test_a_folder_outside_the_results_is_refused(lab: Lab):
    sent = {"action": "train", "specs": {"train": {"results_dir": "../other"}}}
    said = lab.ada.refused(400, "POST", f"{lab.path}/jobs", sent)
    assert "train.results_dir: must be a folder below the results of the job" in said
