"""Chooses the images that a job learns from, measures on and predicts."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from tunesmith.data.classification import ClassificationData, Role, Sample
from tunesmith.data.errors import DatasetError
from tunesmith.protocol import Cause, DatasetInput
from tunesmith.training.failures import JobError
from tunesmith.training.run import Run
from tunesmith.training.tasks.datasets import at_hand, fetched
from tunesmith.training.tasks.splitting import hold_out, overlap

_NOT_LEARNT: tuple[Role, ...] = ("test", "val")
_ROLES: tuple[Role, ...] = ("val", "test", "train")


@dataclass(frozen=True)
class TrainingSamples:
    """The samples of a training. `validation` is empty if there are too few images for any."""

    classes: tuple[str, ...]
    train: list[Sample]
    validation: list[Sample]


def open_dataset(run: Run, dataset: DatasetInput) -> ClassificationData:
    """The dataset, which is fetched first if its copy is not here.

    Raises:
        StoppedError: asked to stop while fetching.
        DatasetError: it cannot be used.
        StorageError: it cannot be fetched.
    """
    return ClassificationData.open(fetched(run, dataset).folder, by_folders=dataset.format == "ssl")


def training_samples(run: Run, seed: int) -> TrainingSamples:
    """All images of all training datasets, and others to validate on.

    Validation images come from the evaluation dataset, else from the training datasets' own images_val,
    else a tenth of the training images is held out. They are never images that are learnt from.

    Raises:
        DatasetError: a dataset cannot be used, or the datasets do not have the same classes.
        JobError: the job has no training dataset.
    """
    if not run.request.train_datasets:
        raise JobError(Cause.BAD_DATA, "The job has no training dataset.", "Attach one to the experiment.")
    opened = [(dataset.name, open_dataset(run, dataset)) for dataset in run.request.train_datasets]
    classes = _same_classes(opened)
    train = [sample for _, data in opened for sample in data.samples("train")]
    validation = _evaluation_samples(run, classes, train) or _own_validation(opened, train)
    if validation:
        return TrainingSamples(classes, train, validation)
    return TrainingSamples(classes, *hold_out(run, train, seed))


def labelled_samples(run: Run, classes: tuple[str, ...]) -> list[Sample]:
    """Images to evaluate on: those of the evaluation dataset, else of the inference dataset if it is
    labelled, else the validation images of the training datasets.

    Raises:
        DatasetError: none of them has labelled images, or their classes are not the model's.
    """
    request, reason = run.request, ""
    if request.eval_dataset:
        return _labelled(run, request.eval_dataset, classes)
    if request.inference_dataset:
        try:
            return _labelled(run, request.inference_dataset, classes)
        except DatasetError as error:
            reason = str(error)
    for dataset in request.train_datasets:
        data = open_dataset(run, dataset)
        if own := _own_validation([(dataset.name, data)], _or_none(data, "train")):
            _require_classes(dataset.name, data.classes, classes)
            return own
    raise DatasetError(f"The job has no images to evaluate on. {reason or 'Attach an evaluation dataset.'}")


def images_to_predict(run: Run) -> list[Sample]:
    """Images for inference: of the inference dataset, else the test or validation images of the evaluation
    dataset, else those of the training datasets.

    Raises:
        DatasetError: there are none.
    """
    request = run.request
    if request.inference_dataset:
        return open_dataset(run, request.inference_dataset).samples("test")
    for dataset in filter(None, (request.eval_dataset, *request.train_datasets)):
        data = open_dataset(run, dataset)
        for role in _NOT_LEARNT:
            if samples := _or_none(data, role):
                return samples
    raise DatasetError("The job has no images to predict. Attach an inference dataset.")


def samples_at_hand(run: Run) -> Iterator[Sample]:
    """Images of any dataset of the job whose copy is here already; none is fetched."""
    request = run.request
    for dataset in filter(None, (request.eval_dataset, request.inference_dataset, *request.train_datasets)):
        if at_hand(dataset):
            data = open_dataset(run, dataset)
            for role in _ROLES:
                yield from _or_none(data, role)


def _same_classes(opened: Sequence[tuple[str, ClassificationData]]) -> tuple[str, ...]:
    first_name, first = opened[0]
    if not first.classes:
        raise DatasetError(
            f"The dataset {first_name} names no classes; add classes.txt (in the format ssl: lay the images "
            "in a folder for each class) and pull again."
        )
    for name, data in opened[1:]:
        if data.classes != first.classes:
            raise DatasetError(
                f"The training datasets {first_name} and {name} have different classes.txt "
                f"({_listed(first.classes)}; {_listed(data.classes)}); make them equal, order included."
            )
    return first.classes


def _evaluation_samples(run: Run, classes: tuple[str, ...], train: list[Sample]) -> list[Sample]:
    dataset = run.request.eval_dataset
    if dataset is None:
        return []
    samples = _labelled(run, dataset, classes)
    if overlap(samples, train):
        run.note(f"The evaluation dataset {dataset.name} holds the training images; it is not validated on.")
        return []
    return samples


def _labelled(run: Run, dataset: DatasetInput, classes: tuple[str, ...]) -> list[Sample]:
    data = open_dataset(run, dataset)
    _require_classes(dataset.name, data.classes, classes)
    samples = _or_none(data, "val") or data.samples("test")
    without = next((sample for sample in samples if sample.label is None), None)
    if without:
        raise DatasetError(
            f"{dataset.name}: the image {without.name} is in no class folder, so its class is not known."
        )
    return samples


def _own_validation(
    opened: Sequence[tuple[str, ClassificationData]], train: Sequence[Sample]
) -> list[Sample]:
    found = [sample for _, data in opened for sample in _or_none(data, "val")]
    return [] if overlap(found, train) else found


def _or_none(data: ClassificationData, role: Role) -> list[Sample]:
    """The samples for a role; none where the dataset has no archive for it."""
    return data.samples(role) if data.serves(role) else []


def _require_classes(name: str, found: tuple[str, ...], wanted: tuple[str, ...]) -> None:
    if found != wanted:
        raise DatasetError(
            f"The dataset {name} has other classes ({_listed(found)}) than the model ({_listed(wanted)}); "
            "attach one with the same classes.txt, order included."
        )


def _listed(classes: tuple[str, ...]) -> str:
    shown = ", ".join(classes[:5]) + (", ..." if len(classes) > 5 else "")
    return f"{len(classes)}: {shown}" if classes else "none"
