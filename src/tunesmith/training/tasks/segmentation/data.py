"""Chooses the images that a job learns from, measures on and predicts."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from tunesmith.data.errors import DatasetError
from tunesmith.data.image_tree import image_tree
from tunesmith.data.pulled import PulledFolder
from tunesmith.data.types import DatasetFormat
from tunesmith.data.unet import SPLITS, MaskedImage, Split, UnetData
from tunesmith.networks.segmentation import SegmenterSettings
from tunesmith.protocol import Cause, DatasetInput
from tunesmith.specs import SpecError, SpecProblem
from tunesmith.training.failures import JobError
from tunesmith.training.run import Run
from tunesmith.training.tasks.datasets import at_hand, fetched
from tunesmith.training.tasks.segmentation.labels import Labels, Table, labels_for
from tunesmith.training.tasks.splitting import hold_out, overlap


@dataclass(frozen=True, eq=False)
class Sample:
    """An image. `mask` is None where it has none; `table` tells what its values mean; `name` is its path."""

    path: Path
    mask: Path | None
    name: str
    table: Table


@dataclass(frozen=True)
class TrainingSamples:
    """The samples of a training. `validation` is empty if there are too few images for any."""

    labels: Labels
    train: list[Sample]
    validation: list[Sample]


class OpenDataset:
    """A dataset of a job, on this machine.

    Attributes:
        values: those in its masks, as they were counted when it was pulled; None if nobody counted.
    """

    def __init__(self, dataset: DatasetInput, folder: Path) -> None:
        self.name, self._raw = dataset.name, dataset.format == DatasetFormat.RAW
        self._pulled = PulledFolder(folder)
        report = self._pulled.report()
        counted = (report.counts if report else {}).get("mask_pixels")
        self.values: frozenset[int] | None = None
        if isinstance(counted, dict):
            splits = [split for split in counted.values() if isinstance(split, dict)]
            self.values = frozenset(int(value) for split in splits for value in split)

    def labelled(self, split: Split, labels: Labels) -> list[Sample]:
        """The images of a split that have masks.

        Raises:
            DatasetError: there is none.
        """
        if self._raw:
            raise DatasetError(f"The dataset {self.name} has no masks; attach one of images and masks.")
        with_mask = [one for one in UnetData(self._pulled).samples(split) if one.mask]
        if not with_mask:
            raise DatasetError(
                f"The dataset {self.name} has no masks for images/{split}.tar.gz; add masks/{split}.tar.gz."
            )
        return self._samples(with_mask, labels)

    def images(self, split: Split, labels: Labels) -> list[Sample]:
        """The images of a split, or all of a dataset of images alone."""
        if self._raw:
            tree, table = image_tree(self._pulled.extracted / "images"), labels.table(self.values)
            return [Sample(one, None, one.relative_to(tree.root).as_posix(), table) for one in tree.images()]
        return self._samples(UnetData(self._pulled).samples(split), labels)

    def _samples(self, found: list[MaskedImage], labels: Labels) -> list[Sample]:
        table = labels.table(self.values)
        return [Sample(one.path, one.mask, one.path.name, table) for one in found]


def open_dataset(run: Run, dataset: DatasetInput) -> OpenDataset:
    """The dataset, which is fetched first if its copy is not here.

    Raises:
        StoppedError: asked to stop while fetching.
        DatasetError: it cannot be used.
        StorageError: it cannot be fetched.
    """
    return OpenDataset(dataset, fetched(run, dataset).folder)


def training_samples(run: Run, settings: SegmenterSettings, seed: int) -> TrainingSamples:
    """The images of train_split of all training datasets, and others to validate on.

    Validation images are those of validation_split of the evaluation dataset, else of the training datasets,
    else a tenth of the training images is held out. They are never images that are learnt from.

    Raises:
        DatasetError: a dataset cannot be used.
        SpecError: a split, the palette or the number of classes cannot be used.
        JobError: the job has no training dataset.
    """
    request = run.request
    if not request.train_datasets:
        raise JobError(Cause.BAD_DATA, "The job has no training dataset.", "Attach one to the experiment.")
    learnt, validated = split_of(settings, "train"), split_of(settings, "validation")
    opened = [open_dataset(run, dataset) for dataset in request.train_datasets]
    labels = labels_for(settings.labelling, settings.section, _values(opened))
    train = [sample for data in opened for sample in data.labelled(learnt, labels)]
    measured = [open_dataset(run, request.eval_dataset)] if request.eval_dataset else opened
    validation = _apart(run, measured, train, lambda data: data.labelled(validated, labels))
    if not validation and request.eval_dataset:
        validation = _apart(run, opened, train, lambda data: data.labelled(validated, labels))
    if validation:
        return TrainingSamples(labels, train, validation)
    return TrainingSamples(labels, *hold_out(run, train, seed))


def labelled_samples(run: Run, settings: SegmenterSettings, labels: Labels) -> list[Sample]:
    """Images to evaluate on: test_split of the evaluation dataset, else of the training datasets.

    Raises:
        DatasetError: none of them has masks for it.
        SpecError: there is no such split.
    """
    request, split = run.request, split_of(settings, "test")
    datasets = [request.eval_dataset] if request.eval_dataset else list(request.train_datasets)
    if not datasets:
        raise DatasetError("The job has no images to evaluate on. Attach an evaluation dataset.")
    return [sample for one in datasets for sample in open_dataset(run, one).labelled(split, labels)]


def images_to_predict(run: Run, settings: SegmenterSettings, labels: Labels) -> list[Sample]:
    """Images for inference: predict_split of the inference dataset, else of the evaluation dataset, else of
    the training datasets.

    Raises:
        DatasetError: there are none.
        SpecError: there is no such split.
    """
    request, split = run.request, split_of(settings, "predict")
    for one in filter(None, (request.inference_dataset, request.eval_dataset, *request.train_datasets)):
        return open_dataset(run, one).images(split, labels)
    raise DatasetError("The job has no images to predict. Attach an inference dataset.")


def samples_at_hand(run: Run, labels: Labels) -> Iterator[Sample]:
    """Images of any dataset of the job whose copy is here already; none is fetched."""
    request = run.request
    for one in filter(None, (request.eval_dataset, request.inference_dataset, *request.train_datasets)):
        if at_hand(one):
            for split in SPLITS:
                try:
                    yield from OpenDataset(one, one.cache).images(split, labels)
                except DatasetError:
                    continue


def split_of(settings: SegmenterSettings, use: str) -> Split:
    """The split for a use: train, validation, test or predict.

    Raises:
        SpecError: the spec names none of the dataset's.
    """
    given = getattr(settings.splits, use)
    for split in SPLITS:
        if split == given:
            return split
    rule = f"must be a split of the dataset: {', '.join(SPLITS)}"
    raise SpecError([SpecProblem(f"{settings.section}.{use}_split", rule, given)])


def _values(opened: list[OpenDataset]) -> frozenset[int] | None:
    """The values in the masks of all of them; None if those of one are not known."""
    found: set[int] = set()
    for data in opened:
        if data.values is None:
            return None
        found |= data.values
    return frozenset(found)


def _apart(
    run: Run, opened: list[OpenDataset], train: list[Sample], samples: Callable[[OpenDataset], list[Sample]]
) -> list[Sample]:
    """The samples of these datasets; none if they have none, or they are the samples that are learnt from."""
    found: list[Sample] = []
    for data in opened:
        try:
            found += samples(data)
        except DatasetError as error:
            run.note(f"{data.name} is not validated on: {error}")
    if overlap(found, train):
        run.note("Images that are learnt from would be validated on; they are not.")
        return []
    return found
