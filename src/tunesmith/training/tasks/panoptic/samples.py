"""Chooses the images that a job learns from, measures on and predicts."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from tunesmith.data.errors import DatasetError
from tunesmith.data.types import DatasetFormat
from tunesmith.networks.layers.masker import Entry
from tunesmith.networks.panoptic import MaskerSettings, Use
from tunesmith.protocol import Cause, DatasetInput
from tunesmith.training.failures import JobError
from tunesmith.training.run import Run
from tunesmith.training.tasks.datasets import at_hand
from tunesmith.training.tasks.panoptic.datasets import Annotated, Segments, listed_images, open_annotated
from tunesmith.training.tasks.splitting import hold_out, overlap

_ANNOTATED = (DatasetFormat.COCO_PANOPTIC, DatasetFormat.COCO)


@dataclass(frozen=True)
class MaskSample:
    """An image.

    Attributes:
        path: the file.
        name: as its dataset calls it.
        image_id: COCO's, or the image's number where nothing is annotated.
        size: width and height in pixels; zeros where nothing says.
        source: the dataset that knows its segments; None where nothing is known.
        place: the image's index in that dataset.
    """

    path: Path
    name: str
    image_id: int | str
    size: tuple[int, int] = (0, 0)
    source: Annotated | None = None
    place: int = 0

    def segments(self) -> Segments | None:
        """What is in the image; None where nothing is known."""
        return self.source.segments(self.place) if self.source else None


@dataclass(frozen=True)
class TrainingSamples:
    """The samples of a training. `validation` is empty if there are too few images for any."""

    entries: tuple[Entry, ...]
    train: list[MaskSample]
    validation: list[MaskSample]

    @property
    def classes(self) -> tuple[str, ...]:
        """The names of the classes."""
        return tuple(one.name for one in self.entries)


def training_samples(run: Run, settings: MaskerSettings, seed: int) -> TrainingSamples:
    """All images of all training datasets, and others to validate on: those of the evaluation dataset, or a
    tenth of the training images, which is then held out.

    Raises:
        DatasetError: a dataset cannot be used, or the datasets do not have the same classes.
        JobError: the job has no training dataset.
    """
    request = run.request
    if not request.train_datasets:
        raise JobError(Cause.BAD_DATA, "The job has no training dataset.", "Attach one to the experiment.")
    opened = [_open(run, one, settings, settings.train) for one in request.train_datasets]
    classes = tuple(one.name for one in opened[0].entries)
    for other in opened[1:]:
        _require_classes(other, classes, f"the training dataset {opened[0].name}")
    train = [sample for one in opened for sample in samples_of(one)]
    if request.eval_dataset:
        validation = labelled_samples(run, settings, classes)
        if not overlap(validation, train):
            return TrainingSamples(opened[0].entries, train, validation)
        name = request.eval_dataset.name
        run.note(f"The evaluation dataset {name} holds the training images; it is not validated on.")
    return TrainingSamples(opened[0].entries, *hold_out(run, train, seed))


def labelled_samples(run: Run, settings: MaskerSettings, classes: tuple[str, ...]) -> list[MaskSample]:
    """Images to evaluate on: those of the evaluation dataset, else of an annotated inference dataset.

    Raises:
        DatasetError: neither is there, or the classes are not the model's.
    """
    request = run.request
    for dataset in (request.eval_dataset, request.inference_dataset):
        if dataset and dataset.format in _ANNOTATED:
            opened = _open(run, dataset, settings, settings.evaluate)
            _require_classes(opened, classes, "the model")
            return samples_of(opened)
    raise DatasetError(
        "The job has no images to evaluate on. Attach an evaluation dataset in the format coco_panoptic or "
        "coco."
    )


def images_to_predict(run: Run, settings: MaskerSettings) -> list[MaskSample]:
    """Images for inference: of the inference dataset, else of the evaluation or the training datasets.

    Raises:
        DatasetError: there are none.
    """
    request = run.request
    for dataset in filter(None, (request.inference_dataset, request.eval_dataset, *request.train_datasets)):
        if samples := _images(run, dataset, settings):
            return samples
    raise DatasetError("The job has no images to predict. Attach an inference dataset.")


def samples_at_hand(run: Run, settings: MaskerSettings) -> Iterator[MaskSample]:
    """Images of any dataset of the job whose copy is here already; none is fetched."""
    request = run.request
    for dataset in filter(None, (request.eval_dataset, request.inference_dataset, *request.train_datasets)):
        if at_hand(dataset):
            yield from _images(run, dataset, settings)


def samples_of(source: Annotated) -> list[MaskSample]:
    """All images of a dataset that have annotations."""
    return [
        MaskSample(one.path, one.name, one.image_id, one.size, source, place)
        for place, one in enumerate(source.images())
    ]


def _images(run: Run, dataset: DatasetInput, settings: MaskerSettings) -> list[MaskSample]:
    listed = listed_images(run, dataset, settings.predict)
    return [MaskSample(one.path, one.name, one.image_id, one.size) for one in listed]


def _open(run: Run, dataset: DatasetInput, settings: MaskerSettings, use: Use) -> Annotated:
    return open_annotated(run, dataset, use, settings.mode)


def _require_classes(found: Annotated, wanted: tuple[str, ...], whose: str) -> None:
    own = tuple(one.name for one in found.entries)
    if own != wanted:
        raise DatasetError(
            f"The dataset {found.name} has other classes ({_listed(own)}) than {whose} ({_listed(wanted)}); "
            "give it the same names in the order of their ids."
        )


def _listed(classes: tuple[str, ...]) -> str:
    return f"{len(classes)}: {', '.join(classes[:5])}" + (", ..." if len(classes) > 5 else "")
