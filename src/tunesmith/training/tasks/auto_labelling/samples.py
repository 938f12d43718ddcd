"""Chooses the objects that a job learns from, measures on and labels."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from tunesmith.data.coco_data import ANNOTATIONS, CocoData
from tunesmith.data.errors import DatasetError
from tunesmith.data.masks import Mask
from tunesmith.data.pulled import PulledFolder
from tunesmith.protocol import Cause, DatasetInput
from tunesmith.training.engine.weights import workspace_file
from tunesmith.training.failures import JobError
from tunesmith.training.run import Run
from tunesmith.training.tasks.datasets import fetched
from tunesmith.training.tasks.splitting import hold_out, overlap

Box = tuple[float, float, float, float]


@dataclass(frozen=True, eq=False)
class Annotated:
    """A dataset with boxes, and masks if they were read.

    Attributes:
        name: of the dataset.
        data: images and annotations.
        file: of its annotations.
    """

    name: str
    data: CocoData
    file: Path

    @property
    def classes(self) -> tuple[str, ...]:
        """The categories' names, in the order of their ids."""
        return tuple(one.name for one in self.data.annotated.categories)

    @property
    def masked(self) -> bool:
        """Whether its objects have masks."""
        segments = self.data.annotated.segments
        return segments is not None and bool(segments.given.any())

    def images(self) -> list["Picture"]:
        """All images."""
        return [Picture(path, self, place) for place, path in enumerate(self.data.paths)]


@dataclass(frozen=True)
class Picture:
    """An image: its file, its dataset and its place in it."""

    path: Path
    source: Annotated
    place: int

    def objects(self, least: float = 0.0, most: float = float("inf")) -> list["Instance"]:
        """Its objects but for crowds, whose boxes have an area within these bounds."""
        found = self.source.data.annotated
        kept = []
        for row in found.rows(self.place):
            left, top, right, bottom = found.boxes[row]
            if not found.crowd[row] and least <= (right - left) * (bottom - top) <= most:
                kept.append(Instance(self, row))
        return kept


@dataclass(frozen=True)
class Instance:
    """An object: its image, and its row among the annotations."""

    picture: Picture
    row: int

    @property
    def path(self) -> Path:
        """The file of its image."""
        return self.picture.path

    @property
    def box(self) -> Box:
        """Left, top, right, bottom in pixels."""
        left, top, right, bottom = self.picture.source.data.annotated.boxes[self.row].tolist()
        return left, top, right, bottom

    @property
    def label(self) -> str:
        """The name of its category."""
        found = self.picture.source.data.annotated
        return found.categories[int(found.category_of[self.row])].name

    def mask(self) -> Mask:
        """The pixels of it in its image; none where no mask is known."""
        found = self.picture.source.data.annotated
        image = found.images[self.picture.place]
        mask = found.mask(self.row)
        return np.zeros((image.height, image.width), np.bool_) if mask is None else mask


@dataclass(frozen=True)
class AnnotationFiles:
    """Files of the workspace in the place of the datasets' own annotations, each as the spec's key and the
    file's; None leaves the dataset's own.

    Attributes:
        train: of the training datasets.
        measured: of the dataset that is validated or evaluated on.
        labelled: of the dataset that gets masks.
    """

    train: tuple[str, str] | None = None
    measured: tuple[str, str] | None = None
    labelled: tuple[str, str] | None = None


OWN = AnnotationFiles()
"""Each dataset has its own annotations."""


@dataclass(frozen=True)
class TrainingSamples:
    """The objects of a training. `validation` is empty where no masks are known to validate against."""

    classes: tuple[str, ...]
    train: list[Instance]
    validation: list[Instance]


def training_samples(
    run: Run, seed: int, sizes: tuple[float, float], *, masks: bool, files: AnnotationFiles = OWN
) -> TrainingSamples:
    """The objects of all training datasets, and others to validate on: those of the evaluation dataset, or of
    a tenth of the training images, which is then held out if it has masks.

    Args:
        run: the job.
        seed: chooses what is held out.
        sizes: least and largest area of boxes to learn from, in square pixels.
        masks: whether to validate at all.
        files: annotations that stand for the datasets' own.

    Raises:
        DatasetError: a dataset cannot be used, or no object is of these sizes.
        JobError: the job has no training dataset.
    """
    request = run.request
    if not request.train_datasets:
        raise JobError(Cause.BAD_DATA, "The job has no training dataset.", "Attach one to the experiment.")
    opened = [open_annotated(run, one, masks=False, named=files.train) for one in request.train_datasets]
    images = [image for one in opened for image in one.images()]
    validation: list[Picture] = []
    if masks:
        images, validation = _split(run, seed, images, files)
    train = [one for image in images for one in image.objects(*sizes)]
    if not train:
        raise DatasetError(
            f"No box in the training images has an area from {sizes[0]:g} to {sizes[1]:g} square pixels; "
            "change dataset.min_obj_size or dataset.max_obj_size."
        )
    return TrainingSamples(opened[0].classes, train, _objects(validation))


def masked_objects(run: Run, files: AnnotationFiles = OWN) -> list[Instance]:
    """Objects with masks to evaluate on: those of the evaluation dataset, else of the inference dataset.

    Raises:
        DatasetError: there are none.
    """
    for dataset in (run.request.eval_dataset, run.request.inference_dataset):
        if dataset is None:
            continue
        opened = open_annotated(run, dataset, masks=True, named=files.measured)
        if opened.masked and (found := _objects(opened.images())):
            return found
        raise DatasetError(
            f"The dataset {dataset.name} has no masks to evaluate on; add segmentations to {ANNOTATIONS}."
        )
    raise DatasetError("The job has no objects to evaluate on. Attach an evaluation dataset with masks.")


def objects_to_label(
    run: Run, *, masks: bool, files: AnnotationFiles = OWN
) -> tuple[Annotated, list[Instance]]:
    """A dataset with boxes, and its objects: of the inference dataset, else of the evaluation dataset, else
    of the first training dataset.

    Raises:
        DatasetError: there is none, or it has no object.
    """
    request = run.request
    for dataset in filter(None, (request.inference_dataset, request.eval_dataset, *request.train_datasets)):
        opened = open_annotated(run, dataset, masks=masks, named=files.labelled)
        if found := _objects(opened.images()):
            return opened, found
        raise DatasetError(f"The dataset {dataset.name} has no box to find a mask in.")
    raise DatasetError("The job has no objects to label. Attach an inference dataset with boxes.")


def open_annotated(
    run: Run, dataset: DatasetInput, *, masks: bool, named: tuple[str, str] | None = None
) -> Annotated:
    """A dataset in COCO's layout, fetched first if its copy is not here.

    `named` is a file of the workspace in the place of its annotations: the spec's key and the file's.

    Raises:
        JobError: there is no such file.
        StoppedError: asked to stop while fetching.
        DatasetError: it cannot be used.
        StorageError: it cannot be fetched.
    """
    pulled = fetched(run, dataset).folder
    own = PulledFolder(pulled).files / ANNOTATIONS
    file = workspace_file(run, named[1], named[0]) if named else own
    if not file.exists():
        raise DatasetError(
            f"The dataset {dataset.name} has no {ANNOTATIONS}, which says where objects are; attach one in "
            "the format default."
        )
    return Annotated(dataset.name, CocoData.open(pulled, masks=masks, annotations=file), file)


def _split(
    run: Run, seed: int, images: list[Picture], files: AnnotationFiles
) -> tuple[list[Picture], list[Picture]]:
    if run.request.eval_dataset:
        opened = open_annotated(run, run.request.eval_dataset, masks=True, named=files.measured)
        others = opened.images()
        if not opened.masked:
            run.note(f"The evaluation dataset {opened.name} has no masks; it is not validated on.")
        elif overlap(others, images):
            run.note(f"The evaluation dataset {opened.name} holds the training images; it is not used.")
        else:
            return images, others
        return images, []
    learnt = run.request.train_datasets
    masked = [open_annotated(run, dataset, masks=True, named=files.train) for dataset in learnt]
    if not all(one.masked for one in masked):
        run.note("The training datasets have no masks to validate against.")
        return images, []
    kept, held = hold_out(run, images, seed)
    by_path = {image.path: image for one in masked for image in one.images()}
    return kept, [by_path[image.path] for image in held]


def _objects(images: Sequence[Picture]) -> list[Instance]:
    return [one for image in images for one in image.objects()]
