"""What clients may expect of publishing, whichever registry the server has."""

import hashlib
import json
from concurrent.futures import ThreadPoolExecutor
from typing import Any
from uuid import uuid4

import pytest
import yaml
from huggingface_hub import ModelCard
from tests.server.resources.house import Lab, Person
from tests.server.resources.publishing.shelves import Shelf, card_of

from tunesmith.server.jobs.states import Status

PUBLISHED = {"message": "Published model into requested org"}
REMOVED = {"message": "Removed model"}
ODD_NAMES = (
    *("../../etc", "/", "..", ".hidden", "a/b", "a--b..c.git", "-.git.git", "x" * 500, "\x7f", "\n"),
    *("é\u65e5" * 200, "\u65e5" * 300, "main", "a\\b", "con:1", "# 12", "%2e%2e", "'; rm -rf / #"),
)
DOCUMENTS = {"README.md", "SHA256SUMS", "card.json", "metrics.json", "spec.yaml"}


def publish(lab: Lab, job: str, **body: Any) -> Any:
    return lab.ada.post(f"{lab.path}/jobs/{job}:publish_model", body)


def refused(lab: Lab, status: int, job: str, body: Any = None) -> str:
    return lab.ada.refused(
        status, "POST", f"{lab.path}/jobs/{job}:publish_model", {} if body is None else body
    )


def models(shelf: Shelf) -> dict[str, bytes]:
    """The files of models that are published, by their places."""
    return {
        f"{place}/{name}": content
        for place, files in shelf.content().items()
        for name, content in files.items()
        if name not in DOCUMENTS
    }


@pytest.mark.shows("POST /experiments/{experiment_id}/jobs/{job_id}:publish_model")
def test_the_chosen_model_is_published_with_what_is_known_of_it(lab: Lab, shelf: Shelf, trained: str):
    body = {"display_name": "TAO classification", "description": "Train it", "team_name": "tao_ea"}
    assert publish(lab, trained, **body) == PUBLISHED
    ((place, files),) = shelf.content().items()
    assert place == f"TAO-classification/train_{trained}_3"
    assert files.keys() == DOCUMENTS | {"model_best.pth"}
    card = card_of(files)
    assert (card["name"], card["description"], card["team"]) == ("TAO classification", "Train it", "tao_ea")
    assert (card["job_id"], card["experiment_id"], card["epoch"]) == (trained, lab.id, 3)
    assert (card["network_arch"], card["metrics"]) == ("classification_pyt", {"val_acc_1": 0.9})
    assert (card["files"], card["published_by"]) == (["model_best.pth"], "ada")
    assert json.loads(files["metrics.json"])["curves"]["val_acc_1"] == {"2": 0.5, "3": 0.9, "5": 0.8}
    specs = lab.ada.get(f"{lab.path}/jobs/{trained}", return_specs=True)["specs"]
    assert yaml.safe_load(files["spec.yaml"]) == {
        name: value for name, value in specs.items() if name != "encryption_key"
    }
    lab.ada.delete(f"{lab.path}/jobs/{trained}")
    assert models(shelf) == {f"{place}/model_best.pth": b"best"}


def test_sums_are_those_of_what_is_there(lab: Lab, shelf: Shelf, trained: str):
    publish(lab, trained)
    (files,) = shelf.content().values()
    sums = {line[66:]: line[:64] for line in files["SHA256SUMS"].decode().splitlines()}
    listed = files.keys() - {"SHA256SUMS", "card.json"}
    assert sums == {name: hashlib.sha256(files[name]).hexdigest() for name in listed}
    assert card_of(files)["sha256"] == sums


def test_the_model_card_is_one_for_the_hub_and_for_people(lab: Lab, shelf: Shelf, trained: str):
    publish(lab, trained, display_name="Digits *of* <b>acme</b>", description="Reads digits.")
    (files,) = shelf.content().values()
    text = files["README.md"].decode()
    card = ModelCard(text).data.to_dict()
    assert (card["pipeline_tag"], card["library_name"]) == ("image-classification", "pytorch")
    assert card["tags"] == ["tunesmith", "classification_pyt"]
    assert "license" not in card
    (index,) = card["model-index"]
    (result,) = index["results"]
    assert result["metrics"] == [{"type": "val_acc_1", "value": 0.9, "name": "val_acc_1"}]
    assert "# Digits \\*of\\* \\<b\\>acme\\</b\\>\n\nReads digits.\n" in text
    assert f"job `{trained}`" in text
    assert "| val_acc_1 | 0.9 |" in text


def test_metrics_are_those_of_the_epoch_that_is_published(lab: Lab, shelf: Shelf, trained: str):
    lab.ada.patch(lab.path, {"checkpoint_choose_method": "latest_model"})
    publish(lab, trained)
    (files,) = shelf.content().values()
    assert card_of(files)["metrics"] == {"val_acc_1": 0.8, "train_loss": 0.9}


def test_a_version_is_published_once_under_a_name(lab: Lab, shelf: Shelf, trained: str):
    publish(lab, trained)
    before = shelf.content()
    said = refused(lab, 404, trained, {"description": "again"})
    assert said.startswith(f"Version train_{trained}_3 of classification_pyt is published already: remove it")
    assert shelf.content() == before
    publish(lab, trained, display_name="other")
    lab.ada.patch(lab.path, {"checkpoint_choose_method": "latest_model"})
    publish(lab, trained)
    chosen = {f"from_epoch_number_{trained}": 2}
    how = {"checkpoint_choose_method": "from_epoch_number", "checkpoint_epoch_number": chosen}
    lab.ada.patch(lab.path, how)
    publish(lab, trained)
    assert models(shelf) == {
        f"classification_pyt/train_{trained}_3/model_best.pth": b"best",
        f"classification_pyt/train_{trained}_5/model_latest.pth": b"latest",
        f"classification_pyt/train_{trained}_2/model_epoch_002.pth": b"two",
        f"other/train_{trained}_3/model_best.pth": b"best",
    }


def test_of_many_who_publish_at_once_one_does_it(lab: Lab, shelf: Shelf, trained: str):
    path = f"{lab.path}/jobs/{trained}:publish_model"
    with ThreadPoolExecutor(6) as pool:
        bodies = [{"description": f"number {number}"} for number in range(6)]
        replies = list(pool.map(lambda body: lab.ada.ask("POST", path, body), bodies))
    (won,) = (number for number, reply in enumerate(replies) if reply.status_code == 200)
    for reply in replies:
        said = reply.json().get("error_desc", "")
        assert reply.status_code in {200, 404, 409}
        assert reply.status_code == 200 or "remove it first" in said or "is being published" in said, said
    (files,) = shelf.content().values()
    assert card_of(files)["description"] == f"number {won}"
    assert f"number {won}" in files["README.md"].decode()
    sums = card_of(files)["sha256"]
    assert sums == {name: hashlib.sha256(files[name]).hexdigest() for name in sums}


def test_a_graph_comes_with_its_data_and_its_labels(lab: Lab, shelf: Shelf, trained: str):
    export = lab.post("export", parent_job_id=trained)
    lab.house.move(export, Status.RUNNING, Status.DONE)
    files = {"model.onnx": b"graph", "model.onnx.data": b"weights", "labels.txt": b"cat\ndog\n"}
    lab.leave_files(export, {**files, "plot.png": b"p"})
    publish(lab, export)
    place = f"classification_pyt/export_{export}_0"
    assert models(shelf) == {f"{place}/{name}": content for name, content in files.items()}
    card = shelf.content()[place]["README.md"].decode()
    assert f"Trained by | job `{trained}`" in card
    assert ModelCard(card).data.to_dict()["library_name"] == "onnx"


def test_what_evaluations_measured_of_a_graph_is_told(lab: Lab, shelf: Shelf, trained: str):
    export = lab.post("export", parent_job_id=trained)
    lab.house.move(export, Status.RUNNING, Status.DONE)
    lab.leave_files(export, {"model.onnx": b"graph"})
    evaluation = lab.post("evaluate", parent_job_id=export)
    lab.house.move(evaluation, Status.RUNNING, Status.DONE)
    lab.house.change(evaluation, details={"results": {"acc_1": 0.75}})
    publish(lab, export)
    (files,) = shelf.content().values()
    (measured,) = json.loads(files["metrics.json"])["evaluations"]
    assert (measured["job_id"], measured["metrics"]) == (evaluation, {"acc_1": 0.75})
    (index,) = ModelCard(files["README.md"].decode()).data.to_dict()["model-index"]
    assert index["results"][0]["metrics"][0]["value"] == 0.75


def test_any_name_will_do_and_none_leads_anywhere_else(lab: Lab, shelf: Shelf, trained: str):
    for name in ODD_NAMES:
        assert publish(lab, trained, display_name=name) == PUBLISHED
        (key,) = models(shelf)
        assert len(key.split("/")) == 3
        assert key.endswith(f"/train_{trained}_3/model_best.pth")
        assert lab.ada.delete(f"{lab.path}/jobs/{trained}:remove_published_model") == REMOVED
        assert shelf.content() == {}


def test_what_cannot_be_published(lab: Lab, shelf: Shelf, trained: str):
    waits = lab.post("train", {})
    said = refused(lab, 400, waits)
    assert said == f"Job {waits} is Pending: only the model of a job that is Done is published"
    evaluation = lab.post("evaluate", parent_job_id=trained)
    assert "is of evaluate, which makes no model" in refused(lab, 400, evaluation)
    assert "do not hold model_best.pth" in refused(lab, 400, lab.trained())
    refused(lab, 404, str(uuid4()))
    bodies: list[Any] = [{"model": "x"}, {"display_name": "n" * 501}, {"display_name": 1}, [], 1]
    for body in bodies:
        refused(lab, 400, trained, body)
    assert shelf.content() == {}


def test_only_the_owner_publishes_and_removes(lab: Lab, shelf: Shelf, trained: str, bob: Person, eve: Person):
    lab.ada.patch(lab.path, {"shared": True})
    publish(lab, trained)
    before = shelf.content()
    for person, status in ((bob, 403), (eve, 404)):
        person.refused(status, "POST", f"{lab.path}/jobs/{trained}:publish_model", {"display_name": "theirs"})
        person.refused(status, "DELETE", f"{lab.path}/jobs/{trained}:remove_published_model")
    assert shelf.content() == before


@pytest.mark.shows("DELETE /experiments/{experiment_id}/jobs/{job_id}:remove_published_model")
def test_what_is_published_can_be_removed_and_published_again(lab: Lab, shelf: Shelf, trained: str):
    path = f"{lab.path}/jobs/{trained}:remove_published_model"
    assert lab.ada.refused(404, "DELETE", path) == f"No model is published of job {trained}"
    publish(lab, trained)
    other = lab.trained()
    lab.leave_files(other, {"model_best.pth": b"other"})
    publish(lab, other)
    assert lab.ada.delete(path) == REMOVED
    assert models(shelf) == {f"classification_pyt/train_{other}_0/model_best.pth": b"other"}
    lab.ada.refused(404, "DELETE", path)
    publish(lab, trained)
    assert len(models(shelf)) == 2


def test_a_team_and_a_name_narrow_what_is_removed(lab: Lab, shelf: Shelf, trained: str):
    path = f"{lab.path}/jobs/{trained}:remove_published_model"
    for team in ("red", "blue", ""):
        publish(lab, trained, display_name=team or "no team", team_name=team)
    assert "of team green" in lab.ada.refused(404, "DELETE", path, team_name="green")
    assert lab.ada.ask("DELETE", path, team_name="red").json() == REMOVED
    assert {place.split("/")[0] for place in shelf.content()} == {"blue", "no-team"}
    lab.ada.refused(404, "DELETE", path, {"display_name": "red"})
    lab.ada.refused(404, "DELETE", path, {"display_name": "blue", "team_name": "red"})
    assert lab.ada.ask("DELETE", path, {"display_name": "blue"}).json() == REMOVED
    assert {place.split("/")[0] for place in shelf.content()} == {"no-team"}
    assert lab.ada.delete(path) == REMOVED
    assert shelf.content() == {}


def test_a_store_that_is_gone_is_named(lab: Lab, shelf: Shelf, trained: str):
    lab.house.folder_of(lab.ada).rename(lab.house.settings.data_dir / "moved")
    assert str(lab.house.folder_of(lab.ada)) in refused(lab, 503, trained)
