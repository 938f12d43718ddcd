"""Which images a job learns from, and which it measures on: never the same."""

import threading
from pathlib import Path
from uuid import uuid4

import pytest
from tests.training.jobs import Bench, notes_of

from tunesmith.data.digits import write_digits
from tunesmith.data.errors import DatasetError
from tunesmith.protocol import DatasetInput
from tunesmith.training.failures import JobError, StoppedError
from tunesmith.training.tasks.classification.data import (
    images_to_predict,
    labelled_samples,
    open_dataset,
    samples_at_hand,
    training_samples,
)

CLASSES = tuple("0123456789")


@pytest.fixture(scope="module")
def make(bench: Bench, tmp_path_factory: pytest.TempPathFactory):
    """Makes a dataset of digits with some of the archives."""

    def build(*splits: str, seed: int = 0, classes: str | None = None) -> DatasetInput:
        folder = tmp_path_factory.mktemp("source")
        write_digits(folder, train=60, val=30, test=20, seed=seed)
        for split in {"train", "val", "test"} - set(splits):
            (folder / f"images_{split}.tar.gz").unlink()
        if classes:
            (folder / "classes.txt").write_text("\n".join(classes))
        return bench.dataset(folder, f"digits-{uuid4().hex[:6]}")

    return build


def chosen(bench, **request):
    run = bench.prepare("train", {}, **request)
    return training_samples(run, seed=1), notes_of(run)


def paths(samples) -> set[Path]:
    return {sample.path for sample in samples}


def test_all_training_datasets_are_learnt_from(bench, make):
    one, other = make("train", "val"), make("train", "val", seed=5)
    samples, notes = chosen(bench, train_datasets=(one, other), eval_dataset=make("val"))
    assert samples.classes == CLASSES
    assert (len(samples.train), len(samples.validation)) == (120, 30)
    assert notes == []


def test_without_an_evaluation_dataset_the_training_sets_own_val_images_are_taken(bench, make):
    samples, notes = chosen(
        bench, train_datasets=(make("train", "val"), make("train", "val", "test", seed=5))
    )
    assert len(samples.validation) == 60
    assert notes == []


@pytest.mark.parametrize("splits", [("train",), ("train", "test")])
def test_without_any_a_tenth_is_held_out_by_the_seed_and_said_so(bench, make, splits):
    dataset = make(*splits)
    samples, notes = chosen(bench, train_datasets=(dataset,))
    assert (len(samples.train), len(samples.validation)) == (54, 6)
    assert paths(samples.train).isdisjoint(paths(samples.validation))
    assert any("6 of 60 training images, chosen by the seed, are held out" in note for note in notes)
    again, _ = chosen(bench, train_datasets=(dataset,))
    assert paths(again.validation) == paths(samples.validation)


def test_an_evaluation_dataset_that_is_the_training_set_is_not_validated_on(bench, make):
    dataset = make("train")
    samples, notes = chosen(bench, train_datasets=(dataset,), eval_dataset=dataset)
    assert paths(samples.train).isdisjoint(paths(samples.validation))
    assert any("holds the training images; it is not validated on" in note for note in notes)


def test_training_sets_with_other_classes_are_refused(bench, make):
    with pytest.raises(DatasetError, match=r"different classes\.txt .*make them equal, order included"):
        chosen(bench, train_datasets=(make("train"), make("train", classes="9876543210")))


def test_a_job_without_a_training_dataset_is_refused(bench):
    with pytest.raises(JobError, match="no training dataset"):
        chosen(bench)


def test_evaluation_takes_labelled_images_in_a_fixed_order(bench, make):
    full, held = make("train", "val", "test"), make("val", seed=5)

    def evaluated_on(**request) -> int:
        return len(labelled_samples(bench.prepare("evaluate", {}, **request), CLASSES))

    assert evaluated_on(eval_dataset=make("test"), inference_dataset=held) == 20
    assert evaluated_on(inference_dataset=held, train_datasets=(full,)) == 30
    assert evaluated_on(train_datasets=(full,)) == 30
    with pytest.raises(DatasetError, match="no images to evaluate on"):
        evaluated_on(train_datasets=(make("train"),))  # the images it learnt from are none


def test_inference_takes_test_images_first(bench, make):
    def predicted(**request) -> int:
        return len(images_to_predict(bench.prepare("inference", {}, **request)))

    full = make("train", "val", "test")
    assert predicted(inference_dataset=make("val"), eval_dataset=full) == 30
    assert predicted(eval_dataset=full) == 20
    assert predicted(train_datasets=(make("train", "val"),)) == 30
    with pytest.raises(DatasetError, match="no images to predict"):
        predicted()


def test_images_at_hand_are_those_that_were_pulled(bench, make):
    dataset = make("val")
    run = bench.prepare("export", {}, eval_dataset=dataset)
    assert list(samples_at_hand(run)) == []
    open_dataset(run, dataset)
    assert len({sample.path for sample in samples_at_hand(run)}) == 30


def test_a_stop_ends_the_fetching(bench, make):
    stop = threading.Event()
    stop.set()
    run = bench.prepare("train", {}, stop=stop)
    with pytest.raises(StoppedError):
        open_dataset(run, make("train"))
