"""Predictions as files: CSV, JSON and pictures."""

import csv
import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from PIL import Image
from torch import Tensor
from torchvision.transforms.v2.functional import to_pil_image

from tunesmith.data.classification import Sample
from tunesmith.data.draw import Tile, grid
from tunesmith.data.errors import DatasetError
from tunesmith.training.tasks.classification.images import ImageBatch
from tunesmith.training.tasks.image_format import ImageFormat

TOP = 5
_COLUMNS, _TILE = 8, 96
_OVERVIEW = 48
_MOST_SHEETS = 100


@dataclass(frozen=True)
class Prediction:
    """What the model says of one image.

    Attributes:
        file: its path in the archive.
        predicted: the most likely class.
        confidence: its probability.
        top: the most likely classes with their probabilities.
        label: the true class, where it is known.
    """

    file: str
    predicted: str
    confidence: float
    top: dict[str, float]
    label: str | None = None

    @property
    def right(self) -> bool | None:
        """Whether it is right; None where the true class is not known."""
        return None if self.label is None else self.label == self.predicted


def predictions_of(
    logits: Tensor, batch: ImageBatch, samples: Sequence[Sample], classes: Sequence[str]
) -> list[Prediction]:
    """The predictions for a batch."""
    values, columns = logits.float().cpu().softmax(dim=1).topk(min(TOP, len(classes)), dim=1)
    found = []
    for index, row, order in zip(batch.indices.tolist(), values.tolist(), columns.tolist(), strict=True):
        sample = samples[index]
        top = {classes[column]: value for column, value in zip(order, row, strict=True)}
        label = None if sample.label is None else classes[sample.label]
        found.append(Prediction(sample.name, classes[order[0]], row[0], top, label))
    return found


class Sheets:
    """Draws every n-th batch as a sheet of annotated images, and an overview of images from all over the set.

    Args:
        form: what the images look like.
        every: a sheet each so many batches; a hundred sheets at most.
        total: how many samples there are.
        folder: where sheets go, into `annotated`.
    """

    def __init__(self, form: ImageFormat, every: int, total: int, folder: Path) -> None:
        self._form, self._every, self._folder = form, every, folder
        self._stride = -(-total // _OVERVIEW)
        self._overview: list[Tile] = []
        self._batches = self._drawn = 0

    def add(self, batch: ImageBatch, predictions: Sequence[Prediction]) -> None:
        """Take in a batch."""
        self._batches += 1
        draws = bool(predictions) and self._batches % self._every == 0 and self._drawn < _MOST_SHEETS
        sheet: list[Tile] = []
        for index, image, prediction in zip(batch.indices.tolist(), batch.images, predictions, strict=True):
            shown = index % self._stride == 0
            if draws or shown:
                tile = _tile(self._form.restore(image.cpu()), prediction)
                sheet.append(tile)
                self._overview += [tile] if shown else []
        if draws:
            self._drawn += 1
            target = self._folder / "annotated" / f"batch_{self._batches:04d}.png"
            target.parent.mkdir(parents=True, exist_ok=True)
            grid(sheet, _COLUMNS, _TILE).save(target)

    def write_overview(self, name: str) -> None:
        """Write the overview to a file of that name."""
        if self._overview:
            grid(self._overview, _COLUMNS, _TILE).save(self._folder / name)


class InferenceReport:
    """Collects predictions for images whose class need not be known."""

    def __init__(self, samples: Sequence[Sample], classes: Sequence[str], sheets: Sheets) -> None:
        self._samples, self._classes, self._sheets = samples, classes, sheets
        self._found: list[Prediction] = []
        self._faults: list[tuple[str, str]] = []

    def update(self, outputs: Tensor, batch: ImageBatch) -> None:
        """Take in the logits of a batch."""
        found = predictions_of(outputs, batch, self._samples, self._classes)
        self._sheets.add(batch, found)
        self._found += found
        self._faults += [(self._samples[index].name, reason) for index, reason in batch.faults]

    def write(self, folder: Path) -> dict[str, Any]:
        """Write predictions.csv, predictions.json, predictions.png. Returns the counts.

        Raises:
            DatasetError: not a single image could be read.
        """
        if not self._found:
            first = self._faults[0][1] if self._faults else "there are none"
            raise DatasetError(f"None of the {len(self._faults)} images can be read: {first}")
        self._write_csv(folder / "predictions.csv")
        whole = {
            "predictions": [asdict(one) for one in self._found],
            "unreadable": [{"file": name, "reason": reason} for name, reason in self._faults],
        }
        (folder / "predictions.json").write_text(json.dumps(whole, indent=1), encoding="utf-8")
        self._sheets.write_overview("predictions.png")
        return self._counts()

    def _write_csv(self, path: Path) -> None:
        with path.open("w", encoding="utf-8", newline="") as file:
            rows = csv.writer(file)
            rows.writerow(["file", "predicted", "confidence", "label", "top", "error"])
            for one in self._found:
                top = " ".join(f"{name}:{value:.4f}" for name, value in one.top.items())
                rows.writerow([one.file, one.predicted, f"{one.confidence:.6f}", one.label or "", top, ""])
            for name, reason in self._faults:
                rows.writerow([name, "", "", "", "", reason])

    def _counts(self) -> dict[str, Any]:
        judged = [one.right for one in self._found if one.right is not None]
        counts: dict[str, Any] = {"images": len(self._found), "unreadable": len(self._faults)}
        if judged:
            counts |= {"labelled": len(judged), "right": sum(judged), "accuracy": sum(judged) / len(judged)}
        return counts


def _tile(picture: Tensor, prediction: Prediction) -> Tile:
    image: Image.Image = to_pil_image(picture)
    caption = f"{prediction.predicted} {prediction.confidence:.0%}"
    if prediction.right is False:
        caption += f" ({prediction.label})"
    return Tile(image, caption, prediction.right)
