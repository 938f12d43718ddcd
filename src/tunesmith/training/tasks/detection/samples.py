"""Chooses the images that a detector learns from, measures on and predicts."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import cycle, islice

from tunesmith.data.coco_data import CocoData
from tunesmith.data.errors import DatasetError
from tunesmith.data.image_files import ImageFiles
from tunesmith.data.pulled import PulledFolder
from tunesmith.protocol import Cause, DatasetInput
from tunesmith.training.failures import JobError
from tunesmith.training.run import Run
from tunesmith.training.tasks.datasets import at_hand, fetched
from tunesmith.training.tasks.detection.annotations import Annotated, Annotations, DetectionSample
from tunesmith.training.tasks.detection.odvg import OdvgAnnotated
from tunesmith.training.tasks.splitting import hold_out, overlap

ANNOTATED = ("coco", "odvg")
"""The formats that hold boxes."""


@dataclass(frozen=True)
class TrainingSamples:
    """The samples of a training. `validation` is empty if there are too few images for any."""

    classes: tuple[str, ...]
    train: list[DetectionSample]
    validation: list[DetectionSample]


def training_samples(
    run: Run, seed: int, learnt: Annotated | None = None, checked: Annotated | None = None
) -> TrainingSamples:
    """All images of all training datasets, and others to validate on: those of the evaluation dataset, or
    a tenth of the training images, which is then held out.

    Args:
        run: the job.
        seed: of the choice of what is held out.
        learnt: what stands in the place of the training datasets.
        checked: what stands in the place of the evaluation dataset.

    Raises:
        DatasetError: a dataset cannot be used, or the datasets do not have the same categories.
        JobError: the job has no training dataset.
    """
    if not run.request.train_datasets:
        raise JobError(Cause.BAD_DATA, "The job has no training dataset.", "Attach one to the experiment.")
    opened = [learnt] if learnt else [open_annotated(run, one) for one in run.request.train_datasets]
    for other in opened[1:]:
        _require_classes(other, opened[0].classes, f"the training dataset {opened[0].name}")
    classes = opened[0].classes
    train = [sample for one in opened for sample in one.samples()]
    if checked:
        _require_classes(checked, classes, f"the training dataset {opened[0].name}")
        return TrainingSamples(classes, train, checked.samples())
    if run.request.eval_dataset:
        validation = labelled_samples(run, classes)
        if not overlap(validation, train):
            return TrainingSamples(classes, train, validation)
        name = run.request.eval_dataset.name
        run.note(f"The evaluation dataset {name} holds the training images; it is not validated on.")
    return TrainingSamples(classes, *hold_out(run, train, seed))


def balanced(samples: Sequence[DetectionSample]) -> list[DetectionSample]:
    """As many samples of each dataset, those of small ones repeated."""
    groups: dict[int, list[DetectionSample]] = {}
    for sample in samples:
        groups.setdefault(id(sample.source), []).append(sample)
    most = max((len(group) for group in groups.values()), default=0)
    return [sample for group in groups.values() for sample in islice(cycle(group), most)]


def labelled_samples(run: Run, classes: tuple[str, ...]) -> list[DetectionSample]:
    """Images to evaluate on: those of the evaluation dataset, else of an annotated inference dataset.

    Raises:
        DatasetError: neither is there, or the categories are not the model's.
    """
    request = run.request
    for dataset in (request.eval_dataset, request.inference_dataset):
        if dataset and dataset.format in ANNOTATED:
            opened = open_annotated(run, dataset)
            _require_classes(opened, classes, "the model")
            return opened.samples()
    raise DatasetError(
        "The job has no images to evaluate on. Attach an evaluation dataset with boxes (coco or odvg)."
    )


def images_to_predict(run: Run) -> list[DetectionSample]:
    """Images for inference: of the inference dataset, else of the evaluation or the training datasets.

    Raises:
        DatasetError: there are none.
    """
    request = run.request
    for dataset in filter(None, (request.inference_dataset, request.eval_dataset, *request.train_datasets)):
        if samples := _images(run, dataset):
            return samples
    raise DatasetError("The job has no images to predict. Attach an inference dataset.")


def samples_at_hand(run: Run) -> Iterator[DetectionSample]:
    """Images of any dataset of the job whose copy is here already; none is fetched."""
    request = run.request
    for dataset in filter(None, (request.eval_dataset, request.inference_dataset, *request.train_datasets)):
        if at_hand(dataset):
            yield from _images(run, dataset)


def open_annotated(run: Run, dataset: DatasetInput, *, masks: bool = False) -> Annotations:
    """A dataset with boxes, fetched first if its copy is not here. If `masks`, what has none is left out.

    Raises:
        StoppedError: asked to stop while fetching.
        DatasetError: it cannot be used.
        StorageError: it cannot be fetched.
    """
    if dataset.format not in ANNOTATED:
        raise DatasetError(
            f"The dataset {dataset.name} has the format {dataset.format}, which holds no boxes; "
            f"attach one in the format {' or '.join(ANNOTATED)}."
        )
    folder = fetched(run, dataset).folder
    if dataset.format == "odvg":
        return OdvgAnnotated.open(dataset.name, folder, masks=masks)
    return Annotated(dataset.name, CocoData.open(folder, masks=masks))


def _images(run: Run, dataset: DatasetInput) -> list[DetectionSample]:
    if dataset.format in ANNOTATED:
        return open_annotated(run, dataset).samples()
    folder = PulledFolder(fetched(run, dataset).folder)
    root = folder.extracted / "images"
    return [
        DetectionSample(path, str(path.relative_to(root)), index)
        for index, path in enumerate(ImageFiles(root).paths, start=1)
    ]


def _require_classes(found: Annotations, wanted: Sequence[str], whose: str) -> None:
    if found.classes != tuple(wanted):
        raise DatasetError(
            f"The dataset {found.name} has other categories ({_listed(found.classes)}) than {whose} "
            f"({_listed(wanted)}); give it the same names in the order of their ids."
        )


def _listed(classes: Sequence[str]) -> str:
    return f"{len(classes)}: {', '.join(classes[:5])}" + (", ..." if len(classes) > 5 else "")
