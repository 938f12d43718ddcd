"""Chooses the images that a job learns from, measures on and embeds. Labels are not needed anywhere."""

from collections.abc import Iterator
from dataclasses import dataclass

from tunesmith.data.classification import ClassificationData, Role, Sample
from tunesmith.data.errors import DatasetError
from tunesmith.protocol import Cause
from tunesmith.training.failures import JobError
from tunesmith.training.run import Run
from tunesmith.training.tasks.classification.data import open_dataset
from tunesmith.training.tasks.datasets import at_hand
from tunesmith.training.tasks.splitting import hold_out, overlap

_NOT_LEARNT: tuple[Role, ...] = ("val", "test")


@dataclass(frozen=True)
class Images:
    """Images, and the classes that their folders are named after; none where they do not lie in folders."""

    samples: list[Sample]
    classes: tuple[str, ...]


def training_images(run: Run, seed: int) -> tuple[list[Sample], list[Sample]]:
    """All images of all training datasets, and others to validate on.

    These come from the evaluation dataset, else from the training datasets' own images_val, else a tenth of
    the training images is held out.

    Raises:
        DatasetError: a dataset cannot be used.
        JobError: the job has no training dataset.
    """
    if not run.request.train_datasets:
        raise JobError(Cause.BAD_DATA, "The job has no training dataset.", "Attach one to the experiment.")
    opened = [open_dataset(run, dataset) for dataset in run.request.train_datasets]
    train = [sample for data in opened for sample in data.samples("train", labelled=False)]
    others = [_held_out(open_dataset(run, run.request.eval_dataset))] if run.request.eval_dataset else []
    others.append([sample for data in opened for sample in _held_out(data, own=True)])
    for validation in others:
        if validation and not overlap(validation, train):
            return train, validation
    return hold_out(run, train, seed)


def images_to_measure(run: Run) -> Images:
    """Images to evaluate on: of the evaluation dataset, else of the inference dataset, else those of the
    training datasets that are not learnt from.

    Raises:
        DatasetError: there are none.
    """
    request = run.request
    for dataset in filter(None, (request.eval_dataset, request.inference_dataset)):
        data = open_dataset(run, dataset)
        return Images(_held_out(data), data.classes)
    for dataset in request.train_datasets:
        data = open_dataset(run, dataset)
        if own := _held_out(data, own=True):
            return Images(own, data.classes)
    raise DatasetError("The job has no images to evaluate on. Attach an evaluation dataset.")


def images_to_embed(run: Run) -> list[Sample]:
    """Images for inference: of the inference dataset, else as for an evaluation.

    Raises:
        DatasetError: there are none.
    """
    if run.request.inference_dataset:
        return open_dataset(run, run.request.inference_dataset).samples("test")
    return images_to_measure(run).samples


def images_at_hand(run: Run) -> Iterator[Sample]:
    """Images of any dataset of the job whose copy is here already; none is fetched."""
    request = run.request
    for dataset in filter(None, (request.eval_dataset, request.inference_dataset, *request.train_datasets)):
        if at_hand(dataset):
            yield from _held_out(open_dataset(run, dataset))


def _held_out(data: ClassificationData, *, own: bool = False) -> list[Sample]:
    """The images of images_val, else of images_test; unless they must be its own, else all there are."""
    roles = [role for role in _NOT_LEARNT if data.serves(role)]
    if roles:
        return data.samples(roles[0], labelled=False)
    return [] if own else data.samples("train", labelled=False)
