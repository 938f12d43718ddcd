"""What the demo measured, read from the files that its jobs left."""

import json
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

from tunesmith.client import Job
from tunesmith.demo.errors import DemoError


@dataclass(frozen=True)
class Prediction:
    """What a model says of one image of the test set, and what is true."""

    file: str
    label: str
    predicted: str
    confidence: float

    @property
    def right(self) -> bool:
        """Whether the model is right."""
        return self.label == self.predicted


@dataclass(frozen=True)
class Figures:
    """What summary.json holds. Accuracies are shares, the difference is of logits, times are in seconds."""

    val_accuracy: float
    test_accuracy: float
    onnx_max_abs_diff: float
    onnx_agreement: float
    worst_pair: str
    seconds: Mapping[str, float]

    def write(self, path: Path) -> None:
        """Write them as JSON."""
        path.write_text(json.dumps(asdict(self), indent=2) + "\n", encoding="utf-8")


def read_predictions(folder: Path) -> list[Prediction]:
    """The predictions of an inference job, sorted by file.

    Raises:
        DemoError: an image of the labelled test set has no prediction.
    """
    whole = json.loads((folder / "predictions.json").read_text(encoding="utf-8"))
    if whole["unreadable"]:
        raise DemoError(f"{len(whole['unreadable'])} test images could not be read.")
    found = [
        Prediction(one["file"], one["label"], one["predicted"], one["confidence"])
        for one in whole["predictions"]
    ]
    return sorted(found, key=lambda one: one.file)


def accuracy(predictions: Sequence[Prediction]) -> float:
    """The share that is right."""
    return sum(one.right for one in predictions) / len(predictions)


def agreement(some: Sequence[Prediction], others: Sequence[Prediction]) -> float:
    """The share of images that two models name alike.

    Raises:
        DemoError: they are not predictions for the same images.
    """
    if [one.file for one in some] != [one.file for one in others]:
        raise DemoError("The two inference jobs did not predict on the same images.")
    return sum(a.predicted == b.predicted for a, b in zip(some, others, strict=True)) / len(some)


def worst_pair(predictions: Sequence[Prediction]) -> str:
    """The confusion that happens most often, in words."""
    mistakes = Counter((one.label, one.predicted) for one in predictions if not one.right)
    if not mistakes:
        return "none"
    (label, predicted), count = mistakes.most_common(1)[0]
    total = sum(one.label == label for one in predictions)
    return f"{label} taken for {predicted}: {count} of {total}"


def figure_of(job: Job, name: str) -> float:
    """One number that a job reported, as a metric or in its outcome.

    Raises:
        DemoError: the job did not report it.
    """
    progress = job.progress
    found = {**progress.outcome, **progress.results}
    if not isinstance(found.get(name), int | float):
        known = ", ".join(found) or "nothing"
        raise DemoError(f"The {job.action} job reports no {name}; it reports {known}.")
    return float(found[name])
