"""Chooses what a grounded detector learns from: datasets of any classes, and captions."""

from tunesmith.data.errors import DatasetError
from tunesmith.protocol import Cause
from tunesmith.training.failures import JobError
from tunesmith.training.run import Run
from tunesmith.training.tasks.detection.annotations import Annotations, DetectionSample
from tunesmith.training.tasks.detection.samples import ANNOTATED, TrainingSamples, open_annotated
from tunesmith.training.tasks.splitting import hold_out, overlap


def grounded_samples(run: Run, seed: int, *, masks: bool = False) -> TrainingSamples:
    """All images of all training datasets, and others to validate on.

    The classes are those of all datasets, by their names: words tell them apart. Images with captions are
    learnt from alone.

    Raises:
        DatasetError: a dataset cannot be used, or none has classes.
        JobError: the job has no training dataset.
    """
    request = run.request
    if not request.train_datasets:
        raise JobError(Cause.BAD_DATA, "The job has no training dataset.", "Attach one to the experiment.")
    learnt = [open_annotated(run, dataset, masks=masks) for dataset in request.train_datasets]
    measured = [open_annotated(run, request.eval_dataset, masks=masks)] if request.eval_dataset else []
    classes = tuple(dict.fromkeys(name for one in (*learnt, *measured) for name in one.classes))
    if not classes:
        raise DatasetError(
            "No dataset of the job has classes: all images have captions. Attach an evaluation dataset with "
            "classes (coco, or odvg with a label map), for its names are what the model is to look for."
        )
    train = [sample for one in learnt for sample in one.numbered(classes).samples()]
    validation = [one for other in measured for one in _classified(other.numbered(classes))]
    if request.eval_dataset:
        fault = "holds captions alone" if not validation else "holds the training images"
        if validation and not overlap(validation, train):
            return TrainingSamples(classes, train, validation)
        run.note(f"The evaluation dataset {request.eval_dataset.name} {fault}; it is not validated on.")
    captioned = [one for one in train if one.objects().caption]
    kept, held = hold_out(run, [one for one in train if not one.objects().caption], seed)
    return TrainingSamples(classes, kept + captioned, held)


def evaluated(run: Run, *, masks: bool = False) -> tuple[tuple[str, ...], list[DetectionSample]]:
    """The classes of the evaluation dataset, or else of an annotated inference dataset, and its images.

    Raises:
        DatasetError: neither is there, or it has no classes.
    """
    for dataset in (run.request.eval_dataset, run.request.inference_dataset):
        if dataset and dataset.format in ANNOTATED:
            opened = open_annotated(run, dataset, masks=masks)
            if not opened.classes:
                fault = f"All images of the dataset {dataset.name} have captions; it is not measured on."
                raise DatasetError(f"{fault} Attach one with classes.")
            return opened.classes, _classified(opened)
    raise DatasetError(
        "The job has no images to evaluate on. Attach an evaluation dataset in COCO or ODVG format."
    )


def _classified(opened: Annotations) -> list[DetectionSample]:
    """The images whose objects have classes."""
    return [one for one in opened.samples() if not one.objects().caption]
