"""Evaluation: of a checkpoint and of an exported graph, with figures that agree with the files."""

import csv
import json

import pytest
from PIL import Image
from tests.training.jobs import SMALL, Bench, Finished

from tunesmith.data.digits import write_digits
from tunesmith.data.errors import DatasetError
from tunesmith.protocol import Cause, DatasetInput, Metrics
from tunesmith.training.failures import JobError


@pytest.fixture(scope="module")
def evaluated(bench: Bench, digits: DatasetInput, trained: Finished) -> Finished:
    # The structure comes from the checkpoint: the job's own spec names another backbone.
    specs = SMALL | {"model.backbone.type": "resnet18", "evaluate.vis_after_n_batches": 2}
    return bench.run("evaluate", specs, parent=trained.parent("model_best.pth"), eval_dataset=digits)


def test_the_checkpoint_does_as_well_as_in_training(evaluated, trained):
    for name in ("val_acc_1", "val_acc_5"):
        assert evaluated.outcome["metrics"][name] == trained.outcome["metrics"][name]


def test_the_metrics_are_reported_with_those_of_each_class(evaluated):
    (results,) = [event for event in evaluated.events if isinstance(event, Metrics)]
    assert results.epoch is None
    assert results.values == evaluated.outcome["metrics"]
    assert set(results.per_category["accuracy"]) == set("0123456789")


def test_files_and_figures_agree(evaluated):
    figures = json.loads((evaluated.results / "metrics.json").read_text())
    assert figures == evaluated.outcome["figures"]
    rows = list(csv.reader((evaluated.results / "confusion_matrix.csv").open()))
    counts = [[int(cell) for cell in row[1:]] for row in rows[1:]]
    right = sum(counts[index][index] for index in range(10))
    assert right / 100 == pytest.approx(figures["acc_1"])
    seven = figures["classes"]["7"]
    assert seven["images"] == sum(counts[7])
    assert seven["recall"] == pytest.approx(counts[7][7] / sum(counts[7]))
    assert seven["precision"] == pytest.approx(counts[7][7] / sum(row[7] for row in counts))
    first, second = (int(name) for name in figures["worst_pair"]["classes"])
    assert figures["worst_pair"]["images"] == counts[first][second] + counts[second][first]


def test_pictures_are_drawn_every_second_batch(evaluated):
    drawn = sorted(path.name for path in (evaluated.results / "annotated").iterdir())
    assert drawn == ["batch_0002.png", "batch_0004.png"]  # 100 images in batches of 32
    for path in (evaluated.results / "confusion_matrix.png", evaluated.results / "evaluation.png"):
        assert Image.open(path).size[0] > 100


def test_a_dataset_with_a_test_archive_alone_is_evaluated_on(bench, trained, tmp_path):
    write_digits(tmp_path / "data", train=10, val=10, test=40)
    (tmp_path / "data" / "images_val.tar.gz").unlink()
    dataset = bench.dataset(tmp_path / "data", "test-only")
    job = bench.run("evaluate", SMALL, parent=trained.parent("model_best.pth"), eval_dataset=dataset)
    assert job.outcome["figures"]["images"] == 40


@pytest.mark.parametrize(("role", "count"), [("inference_dataset", 100), ("train_datasets", 100)])
def test_other_datasets_serve_where_there_is_no_evaluation_dataset(bench, digits, trained, role, count):
    datasets = {role: (digits,) if role == "train_datasets" else digits}
    job = bench.run("evaluate", SMALL, parent=trained.parent("model_best.pth"), **datasets)
    assert job.outcome["figures"]["images"] == count


def test_other_classes_are_refused(bench, trained, tmp_path):
    write_digits(tmp_path / "data", train=10, val=10, test=10)
    (tmp_path / "data" / "classes.txt").write_text("".join(f"{digit}\n" for digit in reversed(range(10))))
    dataset = bench.dataset(tmp_path / "data", "reversed")
    with pytest.raises(DatasetError, match=r"other classes .*10: 9, 8"):
        bench.run("evaluate", SMALL, parent=trained.parent("model_best.pth"), eval_dataset=dataset)


def test_a_job_without_data_or_without_parent_is_refused(bench, digits, trained):
    with pytest.raises(DatasetError, match="no images to evaluate on"):
        bench.run("evaluate", SMALL, parent=trained.parent("model_best.pth"))
    with pytest.raises(JobError, match="needs a parent job") as failed:
        bench.run("evaluate", SMALL, eval_dataset=digits)
    assert failed.value.cause is Cause.PARENT
    with pytest.raises(JobError, match=r"no file model_epoch_099\.pth"):
        bench.run("evaluate", SMALL, parent=trained.parent("model_epoch_099.pth"), eval_dataset=digits)
