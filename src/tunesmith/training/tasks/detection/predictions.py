"""Predictions as files: COCO's results, label text files in KITTI's form, annotated images."""

import json
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch

from tunesmith.data.errors import DatasetError
from tunesmith.data.images import open_rgb
from tunesmith.data.masks import as_coco
from tunesmith.networks.detection import Kept
from tunesmith.networks.layers.detector import Predictions
from tunesmith.training.tasks.detection.annotations import DetectionSample
from tunesmith.training.tasks.detection.batches import DetectionBatch
from tunesmith.training.tasks.detection.detections import Found, found_in
from tunesmith.training.tasks.detection.drawing import Colour, draw


@dataclass(frozen=True)
class Showing:
    """What is kept of predictions, and how it is drawn.

    Attributes:
        kept: which detections.
        colours: of the classes.
        outline: width of the boxes in pixels.
        folders: whether files keep the folders of their images.
        labels: whether a text file is written for each image.
    """

    kept: Kept
    colours: Mapping[str, Colour]
    outline: int
    folders: bool
    labels: bool = True


class InferenceReport:
    """Writes what is found in each image, as it comes.

    Args:
        samples: the images.
        classes: the names of what is found.
        category_ids: of the classes, for COCO's results.
        showing: what is kept and how it is drawn.
        folder: of the results.
    """

    def __init__(
        self,
        samples: Sequence[DetectionSample],
        classes: Sequence[str],
        category_ids: Sequence[int],
        showing: Showing,
        folder: Path,
    ) -> None:
        self._samples, self._classes, self._ids = samples, classes, category_ids
        self._showing, self._folder = showing, folder
        self._names = file_names([sample.name for sample in samples], folders=showing.folders)
        self._results: list[dict[str, Any]] = []
        self._images: list[dict[str, Any]] = []
        self._faults: list[tuple[str, str]] = []

    def update(self, outputs: Predictions, batch: DetectionBatch) -> None:
        """Take in the predictions for a batch."""
        self._faults += [(self._samples[index].name, reason) for index, reason in batch.faults]
        if not len(batch.indices):
            return
        opened = [open_rgb(self._samples[index].path) for index in batch.indices.tolist()]
        sizes = torch.tensor([[image.width, image.height] for image in opened], dtype=torch.float32)
        showing = self._showing
        all_found = found_in(outputs, batch, sizes, showing.kept)
        for index, image, found in zip(batch.indices.tolist(), opened, all_found, strict=True):
            name = self._names[index]
            picture = draw(image, found, self._classes, showing.colours, showing.outline)
            picture.save(self._place("images_annotated", f"{name}.jpg"), quality=90)
            if showing.labels:
                lines = kitti_lines(found, self._classes)
                self._place("labels", f"{name}.txt").write_text(lines, encoding="utf-8")
            self._keep(self._samples[index], image.size, found)

    def write(self, folder: Path) -> dict[str, Any]:
        """Write predictions.json and labels.txt. Returns the counts.

        Raises:
            DatasetError: not a single image could be read.
        """
        if not self._images:
            first = self._faults[0][1] if self._faults else "there are none"
            raise DatasetError(f"None of the {len(self._faults)} images can be read: {first}")
        categories = [
            {"id": label, "name": name} for label, name in zip(self._ids, self._classes, strict=True)
        ]
        whole = {
            "images": self._images,
            "categories": categories,
            "annotations": self._results,
            "unreadable": [{"file": name, "reason": reason} for name, reason in self._faults],
        }
        (folder / "predictions.json").write_text(json.dumps(whole, indent=1), encoding="utf-8")
        # What COCO's own tools load: the list of results alone.
        (folder / "results.json").write_text(json.dumps(self._results), encoding="utf-8")
        listed = "".join(f"{name}\n" for name in self._classes)
        (folder / "labels.txt").write_text(listed, encoding="utf-8")
        return {
            "images": len(self._images),
            "detections": len(self._results),
            "unreadable": len(self._faults),
        }

    def _place(self, kind: str, name: str) -> Path:
        target = self._folder / kind / name
        target.parent.mkdir(parents=True, exist_ok=True)
        return target

    def _keep(self, sample: DetectionSample, size: tuple[int, int], found: Found) -> None:
        self._images.append(
            {"id": sample.image_id, "file_name": sample.name, "width": size[0], "height": size[1]}
        )
        masks = () if found.masks is None else found.masks
        segments = [{"segmentation": as_coco(one.numpy())} for one in masks]
        for place, (box, score, label) in enumerate(
            zip(found.boxes.tolist(), found.scores.tolist(), found.labels.tolist(), strict=True)
        ):
            left, top, right, bottom = box
            self._results.append(
                {
                    "image_id": sample.image_id,
                    "category_id": self._ids[label],
                    "bbox": [round(one, 2) for one in (left, top, right - left, bottom - top)],
                    "score": round(score, 5),
                    **(segments[place] if segments else {}),
                }
            )


def kitti_lines(found: Found, classes: Sequence[str]) -> str:
    """The detections of an image in KITTI's form, with the score as the sixteenth column.

    Blanks in the names of classes would split columns: they become underscores.
    """
    lines = []
    for box, score, label in zip(
        found.boxes.tolist(), found.scores.tolist(), found.labels.tolist(), strict=True
    ):
        name = "_".join(classes[label].split())
        corners = " ".join(f"{edge:.2f}" for edge in box)
        lines.append(f"{name} 0.00 0 0.00 {corners} 0.00 0.00 0.00 0.00 0.00 0.00 0.00 {score:.4f}\n")
    return "".join(lines)


def file_names(names: Sequence[str], *, folders: bool) -> list[str]:
    """Of each image the path, without an ending, of the files about it: all of them different."""
    stems = [str(Path(name).with_suffix("")) if folders else Path(name).stem for name in names]
    times = Counter(stems)
    flat = [name if folders else name.replace("/", "_") for name in names]
    return [whole if times[stem] > 1 else stem for stem, whole in zip(stems, flat, strict=True)]
