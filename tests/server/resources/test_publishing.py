"""A published model is a copy in the workspace that outlives its job."""

import json
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
from tests.s3_services import S3Server
from tests.server.resources.house import Lab

from tunesmith.server.jobs.states import Status
from tunesmith.storage.files import Files

FILES = {"model_best.pth": b"best", "model_latest.pth": b"latest", "model_epoch_002.pth": b"two"}
PUBLISHED = {"message": "Published model into requested org"}


@pytest.fixture
def trained(lab: Lab) -> str:
    job = lab.trained()
    lab.leave_files(job, FILES)
    lab.house.change(job, details={"best_epoch": 3, "latest_epoch": 5, "results": {"val_acc_1": 0.9}})
    return job


def shelf(lab: Lab) -> Path:
    return lab.house.folder_of(lab.ada) / "published"


def shelved(lab: Lab) -> dict[str, bytes]:
    """What is published, cards apart."""
    found = (path for path in shelf(lab).rglob("*") if path.is_file() and path.name != "card.json")
    return {path.relative_to(shelf(lab)).as_posix(): path.read_bytes() for path in found}


@pytest.mark.shows("POST /experiments/{experiment_id}/jobs/{job_id}:publish_model")
def test_the_chosen_model_is_copied_with_a_card(lab: Lab, trained: str):
    body = {"display_name": "TAO classification", "description": "Train it", "team_name": "tao_ea"}
    assert lab.ada.post(f"{lab.path}/jobs/{trained}:publish_model", body) == PUBLISHED
    place = f"TAO-classification/train_{trained}_3"
    assert shelved(lab) == {f"{place}/model_best.pth": b"best"}
    card = json.loads((shelf(lab) / place / "card.json").read_bytes())
    assert (card["name"], card["description"], card["team"]) == ("TAO classification", "Train it", "tao_ea")
    assert (card["job_id"], card["experiment_id"], card["epoch"]) == (trained, lab.id, 3)
    assert (card["network_arch"], card["metrics"]) == ("classification_pyt", {"val_acc_1": 0.9})
    assert (card["files"], card["published_by"]) == (["model_best.pth"], "ada")
    lab.ada.delete(f"{lab.path}/jobs/{trained}")
    assert shelved(lab) == {f"{place}/model_best.pth": b"best"}


def test_a_version_is_published_once_under_a_name(lab: Lab, trained: str):
    path = f"{lab.path}/jobs/{trained}:publish_model"
    lab.ada.post(path, {})
    said = lab.ada.refused(404, "POST", path, {})
    assert said.startswith(f"Version train_{trained}_3 of classification_pyt is published already: remove it")
    lab.ada.post(path, {"display_name": "other"})
    lab.ada.patch(lab.path, {"checkpoint_choose_method": "latest_model"})
    lab.ada.post(path, {})
    chosen = {f"from_epoch_number_{trained}": 2}
    how = {"checkpoint_choose_method": "from_epoch_number", "checkpoint_epoch_number": chosen}
    lab.ada.patch(lab.path, how)
    lab.ada.post(path, {})
    assert shelved(lab) == {
        f"classification_pyt/train_{trained}_3/model_best.pth": b"best",
        f"classification_pyt/train_{trained}_5/model_latest.pth": b"latest",
        f"classification_pyt/train_{trained}_2/model_epoch_002.pth": b"two",
        f"other/train_{trained}_3/model_best.pth": b"best",
    }


def test_what_a_failed_copy_left_is_written_over(lab: Lab, trained: str):
    half = shelf(lab) / "classification_pyt" / f"train_{trained}_3" / "model_best.pth"
    half.parent.mkdir(parents=True)
    half.write_bytes(b"be")
    lab.ada.post(f"{lab.path}/jobs/{trained}:publish_model", {})
    assert half.read_bytes() == b"best"


def test_a_graph_comes_with_its_data(lab: Lab, trained: str):
    export = lab.post("export", parent_job_id=trained)
    lab.house.move(export, Status.RUNNING, Status.DONE)
    lab.leave_files(export, {"model.onnx": b"graph", "model.onnx.data": b"weights", "plot.png": b"p"})
    lab.ada.post(f"{lab.path}/jobs/{export}:publish_model", {})
    place = f"classification_pyt/export_{export}_0"
    assert shelved(lab) == {f"{place}/model.onnx": b"graph", f"{place}/model.onnx.data": b"weights"}


@pytest.mark.parametrize("name", ["../../etc", "/", "..", ".hidden", "a/b", "é\u65e5" * 200, "\x7f", "\n"])
def test_no_name_leads_out_of_the_shelf(lab: Lab, trained: str, name: str):
    lab.ada.post(f"{lab.path}/jobs/{trained}:publish_model", {"display_name": name})
    (key,) = shelved(lab)
    assert len(key.split("/")) == 3
    assert key.endswith(f"/train_{trained}_3/model_best.pth")
    assert lab.ada.delete(f"{lab.path}/jobs/{trained}:remove_published_model") == {"message": "Removed model"}
    assert shelved(lab) == {}


def test_what_cannot_be_published(lab: Lab, trained: str):
    waits = lab.post("train", {})
    said = lab.ada.refused(400, "POST", f"{lab.path}/jobs/{waits}:publish_model", {})
    assert said == f"Job {waits} is Pending: only the model of a job that is Done is published"
    evaluation = lab.post("evaluate", parent_job_id=trained)
    said = lab.ada.refused(400, "POST", f"{lab.path}/jobs/{evaluation}:publish_model", {})
    assert "is of evaluate, which makes no model" in said
    empty = lab.trained()
    said = lab.ada.refused(400, "POST", f"{lab.path}/jobs/{empty}:publish_model", {})
    assert "do not hold model_best.pth" in said
    lab.ada.refused(404, "POST", f"{lab.path}/jobs/{uuid4()}:publish_model", {})
    bodies: list[Any] = [{"model": "x"}, {"display_name": "n" * 501}, {"display_name": 1}, [], None]
    for body in bodies:
        lab.ada.refused(400, "POST", f"{lab.path}/jobs/{trained}:publish_model", body)
    assert shelved(lab) == {}


@pytest.mark.shows("DELETE /experiments/{experiment_id}/jobs/{job_id}:remove_published_model")
def test_what_is_published_can_be_removed(lab: Lab, trained: str):
    publish = f"{lab.path}/jobs/{trained}:publish_model"
    path = f"{lab.path}/jobs/{trained}:remove_published_model"
    assert lab.ada.refused(404, "DELETE", path) == f"No model is published of job {trained}"
    for team in ("red", "blue"):
        lab.ada.post(publish, {"display_name": team, "team_name": team})
    other = lab.trained()
    lab.leave_files(other, FILES)
    lab.ada.post(f"{lab.path}/jobs/{other}:publish_model", {})
    assert "of team green" in lab.ada.refused(404, "DELETE", path, team_name="green")
    assert lab.ada.ask("DELETE", path, team_name="red").json() == {"message": "Removed model"}
    assert {key.split("/")[0] for key in shelved(lab)} == {"blue", "classification_pyt"}
    lab.ada.refused(404, "DELETE", path, {"display_name": "red"})
    assert lab.ada.ask("DELETE", path, {"display_name": "blue"}).status_code == 200
    assert {key.split("/")[1] for key in shelved(lab)} == {f"train_{other}_0"}


def test_a_store_that_is_gone_is_named(lab: Lab, trained: str):
    lab.house.folder_of(lab.ada).rename(lab.house.settings.data_dir / "moved")
    said = lab.ada.refused(503, "POST", f"{lab.path}/jobs/{trained}:publish_model", {})
    assert str(lab.house.folder_of(lab.ada)) in said


def test_a_bucket_copies_by_itself(s3_server: S3Server):
    bucket = s3_server.location()
    s3_server.put(bucket, "results/a/model.onnx", b"graph")
    files = Files(bucket, s3_server.secrets)
    files.copy("results/a/model.onnx", "published/net ü/v_1/model.onnx")
    assert files.read("published/net ü/v_1/model.onnx") == b"graph"
