"""Inference: predictions as files, from a checkpoint and from a graph; bad images are told, not fatal."""

import csv
import io
import json
import tarfile

import pytest
from PIL import Image
from tests.training.jobs import SMALL

from tunesmith.data.errors import DatasetError


def test_predictions_are_written_as_csv_json_and_pictures(bench, digits, trained):
    specs = SMALL | {"inference.vis_after_n_batches": 3}
    job = bench.run("inference", specs, parent=trained.parent("model_best.pth"), inference_dataset=digits)
    whole = json.loads((job.results / "predictions.json").read_text())
    rows = list(csv.DictReader((job.results / "predictions.csv").open()))
    assert len(whole["predictions"]) == len(rows) == job.outcome["images"] == 100
    first = whole["predictions"][0]
    assert first["predicted"] == rows[0]["predicted"] == next(iter(first["top"]))
    assert len(first["top"]) == 5
    assert first["confidence"] == max(first["top"].values())
    assert rows[0]["file"] == first["file"]
    right = sum(row["predicted"] == row["file"].split("/")[0] for row in rows)
    assert job.outcome["accuracy"] == right / 100 > 0.8
    assert [path.name for path in (job.results / "annotated").iterdir()] == ["batch_0003.png"]
    assert Image.open(job.results / "predictions.png").size[0] > 100


def test_a_graph_predicts_what_its_checkpoint_predicts(bench, digits, trained):
    export = bench.run("export", SMALL, parent=trained.parent("model_best.pth"))
    files = []
    for parent in (trained.parent("model_best.pth"), export.parent("model.onnx")):
        job = bench.run("inference", SMALL, parent=parent, inference_dataset=digits)
        found = json.loads((job.results / "predictions.json").read_text())["predictions"]
        files.append([(one["file"], one["predicted"]) for one in found])
    assert files[0] == files[1]


def unlabelled(folder, images):
    """A dataset of images in no class folder."""
    folder.mkdir()
    with tarfile.open(folder / "images_test.tar.gz", "w:gz") as archive:
        for name, data in images.items():
            member = tarfile.TarInfo(f"images_test/{name}")
            member.size = len(data)
            archive.addfile(member, io.BytesIO(data))
    (folder / "classes.txt").write_text("".join(f"{digit}\n" for digit in range(10)))
    return folder


def png(shade):
    buffer = io.BytesIO()
    Image.new("L", (20, 30), shade).save(buffer, "PNG")
    return buffer.getvalue()


def spoil(dataset, name):
    """Cut an image short after the pull has found it whole."""
    path = next((dataset.cache / "extracted").rglob(name))
    path.write_bytes(path.read_bytes()[:20])


def test_unreadable_images_are_told_one_by_one(bench, trained, tmp_path):
    dataset = bench.dataset(
        unlabelled(tmp_path / "data", {"a.png": png(0), "b.png": png(99), "c.png": png(9)}), "unlabelled"
    )
    parent = trained.parent("model_best.pth")
    job = bench.run("inference", SMALL, parent=parent, inference_dataset=dataset)
    assert job.outcome["images"] == 3
    assert "accuracy" not in job.outcome  # nobody knows the classes

    spoil(dataset, "b.png")
    job = bench.run("inference", SMALL, parent=parent, inference_dataset=dataset)
    assert (job.outcome["images"], job.outcome["unreadable"]) == (2, 1)
    whole = json.loads((job.results / "predictions.json").read_text())
    assert [one["file"] for one in whole["unreadable"]] == ["b.png"]

    spoil(dataset, "a.png")
    spoil(dataset, "c.png")
    with pytest.raises(DatasetError, match="None of the 3 images can be read"):
        bench.run("inference", SMALL, parent=parent, inference_dataset=dataset)


@pytest.mark.parametrize("role", ["eval_dataset", "train_datasets"])
def test_other_datasets_serve_where_there_is_no_inference_dataset(bench, digits, trained, role):
    datasets = {role: (digits,) if role == "train_datasets" else digits}
    job = bench.run("inference", SMALL, parent=trained.parent("model_best.pth"), **datasets)
    assert job.outcome["images"] == 100  # the test images
