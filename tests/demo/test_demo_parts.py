import json
import tarfile
from pathlib import Path

import pytest
from PIL import Image

from tunesmith.client import Job, Progress
from tunesmith.demo.data import archive_of, lay_out
from tunesmith.demo.errors import DemoError
from tunesmith.demo.outcome import (
    Prediction,
    accuracy,
    agreement,
    figure_of,
    read_predictions,
    worst_pair,
)
from tunesmith.demo.pictures import draw_curve, draw_predictions
from tunesmith.demo.settings import Recipe, edited

SMALL = Recipe(train_images=30, val_images=20, test_images=10)


def says(file: str, label: str, predicted: str, confidence: float = 0.9) -> Prediction:
    return Prediction(file, label, predicted, confidence)


@pytest.fixture
def workspace(tmp_path: Path) -> Path:
    lay_out(tmp_path, SMALL)
    return tmp_path


def test_each_split_has_a_folder_as_users_have_them(workspace: Path):
    found = sorted(path.relative_to(workspace).as_posix() for path in workspace.rglob("*") if path.is_file())
    assert found == [
        "data/classification_test/classes.txt",
        "data/classification_test/images_test.tar.gz",
        "data/classification_train/classes.txt",
        "data/classification_train/images_train.tar.gz",
        "data/classification_val/classes.txt",
        "data/classification_val/images_val.tar.gz",
    ]
    with tarfile.open(archive_of(workspace, "val")) as archive:
        assert sum(member.isfile() for member in archive) == 20


def test_edits_reach_into_the_default_spec():
    spec = {"train": {"num_epochs": 10, "optim": {"lr": 1.0}}, "model": {}}
    changed = edited(spec, {"train.optim.lr": 0.5, "train.num_epochs": 3})
    assert changed == {"train": {"num_epochs": 3, "optim": {"lr": 0.5}}, "model": {}}
    with pytest.raises(KeyError, match="dataset"):
        edited(spec, {"dataset.batch_size": 3})


def test_figures_of_the_predictions():
    predictions = [
        says("9/a.png", "9", "5"),
        says("9/b.png", "9", "5"),
        says("9/c.png", "9", "9"),
        says("1/d.png", "1", "7"),
    ]
    assert accuracy(predictions) == 0.25
    assert worst_pair(predictions) == "9 taken for 5: 2 of 3"
    assert worst_pair([says("1/a.png", "1", "1")]) == "none"


def test_two_models_are_compared_image_by_image():
    torch_says = [says("1/a.png", "1", "1"), says("2/b.png", "2", "2")]
    assert agreement(torch_says, [says("1/a.png", "1", "7"), says("2/b.png", "2", "2")]) == 0.5
    with pytest.raises(DemoError, match="same images"):
        agreement(torch_says, torch_says[:1])


def test_predictions_come_from_the_file_that_the_job_wrote(tmp_path: Path):
    one = {"file": "1/a.png", "label": "1", "predicted": "7", "confidence": 0.6, "top": {}}
    file = tmp_path / "predictions.json"
    file.write_text(json.dumps({"predictions": [one], "unreadable": []}))
    assert read_predictions(tmp_path) == [says("1/a.png", "1", "7", 0.6)]
    file.write_text(json.dumps({"predictions": [one], "unreadable": [{"file": "x"}]}))
    with pytest.raises(DemoError, match="1 test images could not be read"):
        read_predictions(tmp_path)


def test_a_figure_is_a_metric_or_part_of_the_outcome():
    details = {
        "kpi": [{"metric": "val_acc_1", "values": {"3": 0.97}}],
        "outcome": {"onnx_max_abs_diff": 1e-6},
    }
    job = Job(id="j1", action="export", job_details={"j1": details})
    assert figure_of(job, "val_acc_1") == 0.97
    assert figure_of(job, "onnx_max_abs_diff") == 1e-6
    with pytest.raises(DemoError, match="reports no speed; it reports onnx_max_abs_diff, val_acc_1"):
        figure_of(job, "speed")


def test_the_curve_is_drawn(tmp_path: Path):
    curves = {"train_loss": {1: 1.0, 2: 0.1}, "val_acc_1": {1: 0.5, 2: 0.9}, "lr": {1: 0.1}}
    draw_curve(Progress(curves=curves), tmp_path / "curve.png")
    assert Image.open(tmp_path / "curve.png").size == (960, 540)


def test_mistakes_are_drawn_first(workspace: Path):
    images = archive_of(workspace, "test")
    with tarfile.open(images) as archive:
        files = [name.removeprefix("images_test/") for name in archive.getnames() if name.endswith(".png")]
    predictions = [says(file, file[0], file[0]) for file in files]
    predictions[-1] = says(files[-1], files[-1][0], "?", 0.99)
    draw_predictions(predictions, images, workspace / "grid.png")
    grid = Image.open(workspace / "grid.png").convert("RGB")
    corner = grid.getpixel((5, 5))
    assert isinstance(corner, tuple)
    red, green, _ = corner
    assert red > green, "the frame of the first image is red"
