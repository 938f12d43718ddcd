"""Predictions as files: a mask for each image, pictures, and how much of each image is of which class."""

import json
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from PIL import Image
from torch import Tensor

from tunesmith.data.errors import DatasetError
from tunesmith.data.images import open_rgb
from tunesmith.training.tasks.segmentation.data import Sample
from tunesmith.training.tasks.segmentation.drawing import Sheets, overlay
from tunesmith.training.tasks.segmentation.images import SegmentBatch
from tunesmith.training.tasks.segmentation.labels import Labels
from tunesmith.training.tasks.segmentation.metrics import at_size


class InferenceReport:
    """Writes what is predicted, at the size of each image, as it comes.

    Masks have the values that the masks of the training had; overlays show them over the image.

    Args:
        samples: what is predicted.
        labels: the classes.
        sheets: the pictures.
        folder: of the results.
    """

    def __init__(self, samples: Sequence[Sample], labels: Labels, sheets: Sheets, folder: Path) -> None:
        self._samples, self._labels, self._sheets, self._folder = samples, labels, sheets, folder
        self._names = mask_names([sample.name for sample in samples])
        self._values = np.array([values[0] for values in labels.values], np.uint8)
        self._found: list[dict[str, Any]] = []
        self._faults: list[tuple[str, str]] = []

    def update(self, outputs: Tensor, batch: SegmentBatch) -> None:
        """Take in the logits of a batch."""
        logits, indices = outputs.float().cpu(), batch.indices.tolist()
        drawn = []
        for index, one in zip(indices, logits, strict=True):
            self._write(index, one[None])
            small = at_size(one[None], batch.images.shape[-2:])[0].argmax(dim=0)
            drawn.append([(small, self._samples[index].name)])
        self._sheets.add(indices, batch.images, drawn)
        self._faults += [(self._samples[index].name, reason) for index, reason in batch.faults]

    def write(self, folder: Path) -> dict[str, Any]:
        """Write predictions.json, predictions.png and labels.txt. Returns the counts.

        Raises:
            DatasetError: not a single image could be read.
        """
        if not self._found:
            first = self._faults[0][1] if self._faults else "there are none"
            raise DatasetError(f"None of the {len(self._faults)} images can be read: {first}")
        legend = [
            {"class": name, "value": int(value), "values": list(values), "rgb": list(colour)}
            for name, value, values, colour in zip(
                self._labels.classes, self._values, self._labels.values, self._labels.colours, strict=True
            )
        ]
        whole = {
            "classes": legend,
            "predictions": self._found,
            "unreadable": [{"file": name, "reason": reason} for name, reason in self._faults],
        }
        (folder / "predictions.json").write_text(json.dumps(whole, indent=1), encoding="utf-8")
        listed = "".join(f"{name}\n" for name in self._labels.classes)
        (folder / "labels.txt").write_text(listed, encoding="utf-8")
        self._sheets.write_overview("predictions.png")
        return {"images": len(self._found), "unreadable": len(self._faults)}

    def _write(self, index: int, logits: Tensor) -> None:
        sample, name = self._samples[index], self._names[index]
        image = open_rgb(sample.path)
        with torch.inference_mode():
            mask = at_size(logits, (image.height, image.width))[0].argmax(dim=0).numpy()
        shares = np.bincount(mask.ravel(), minlength=len(self._values)) / mask.size
        for kind, picture in (
            ("masks", Image.fromarray(self._values[mask])),
            ("overlays", overlay(image, mask, self._labels.colours)),
        ):
            target = self._folder / kind / name
            target.parent.mkdir(parents=True, exist_ok=True)
            picture.save(target)
        named = zip(self._labels.classes, shares.tolist(), strict=True)
        self._found.append(
            {
                "file": sample.name,
                "mask": f"masks/{name}",
                "shares": {label: share for label, share in named if share},
            }
        )


def mask_names(names: Sequence[str]) -> list[str]:
    """Of each image the path of its mask: ending in .png, behind its own ending where two would clash."""
    plain = [str(Path(name).with_suffix(".png")) for name in names]
    times = Counter(plain)
    return [f"{name}.png" if times[one] > 1 else one for name, one in zip(names, plain, strict=True)]
