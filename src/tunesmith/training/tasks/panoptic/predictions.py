"""Predictions as files: COCO's results with run lengths, masks as PNG, pictures."""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from PIL import Image
from torch import Tensor

from tunesmith.data.draw import Tile
from tunesmith.data.errors import DatasetError
from tunesmith.data.images import open_rgb
from tunesmith.networks.layers.masker import Entry, MaskPredictions
from tunesmith.training.tasks.panoptic.batches import MaskBatch
from tunesmith.training.tasks.panoptic.drawing import Overview, named, tinted
from tunesmith.training.tasks.panoptic.merging import (
    Found,
    Query,
    classes_of,
    enlarged,
    objects_of,
    queries,
    segments_of,
)
from tunesmith.training.tasks.panoptic.metrics import Classes, described
from tunesmith.training.tasks.panoptic.samples import MaskSample
from tunesmith.training.tasks.segmentation.predictions import mask_names

_BYTE = 1 << 8


class InferenceReport:
    """Writes what is found in each image, at its size, as it comes.

    masks/ holds a PNG file an image: for semantic segmentation the id of each pixel's class; else the id of
    its segment, as COCO's panoptic format has it. overlays/ shows the same over the image.

    Args:
        samples: the images.
        entries: the classes.
        classes: what is told apart, and how.
        folder: of the results.
    """

    def __init__(
        self, samples: Sequence[MaskSample], entries: Sequence[Entry], classes: Classes, folder: Path
    ) -> None:
        self._samples, self._entries, self._classes, self._folder = samples, entries, classes, folder
        self._names = mask_names([sample.name for sample in samples])
        self._overview = Overview(len(samples))
        self._images: list[dict[str, Any]] = []
        self._results: list[dict[str, Any]] = []
        self._panoptic: list[dict[str, Any]] = []
        self._faults: list[tuple[str, str]] = []

    def update(self, outputs: MaskPredictions, batch: MaskBatch) -> None:
        """Take in the predictions for a batch."""
        self._faults += [(self._samples[index].name, reason) for index, reason in batch.faults]
        indices = batch.indices.tolist()
        opened = [open_rgb(self._samples[index].path) for index in indices]
        shapes = torch.tensor([[image.height, image.width] for image in opened]).reshape(-1, 2)
        size = (batch.images.shape[-2], batch.images.shape[-1])
        for index, image, query in zip(
            indices, opened, queries(outputs, size, batch.sizes.cpu(), shapes), strict=True
        ):
            self._add(index, image, query)

    def write(self, folder: Path) -> dict[str, Any]:
        """Write predictions.json, results.json, panoptic.json and labels.txt. Returns the counts.

        Raises:
            DatasetError: not a single image could be read.
        """
        if not self._images:
            first = self._faults[0][1] if self._faults else "there are none"
            raise DatasetError(f"None of the {len(self._faults)} images can be read: {first}")
        categories = [
            {"id": one.id, "name": one.name, "isthing": int(one.is_thing), "color": list(one.colour)}
            for one in self._entries
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
        if self._classes.mode == "panoptic":
            panoptic = {"images": self._images, "categories": categories, "annotations": self._panoptic}
            (folder / "panoptic.json").write_text(json.dumps(panoptic), encoding="utf-8")
        listed = "".join(f"{one.name}\n" for one in self._entries)
        (folder / "labels.txt").write_text(listed, encoding="utf-8")
        self._overview.write(folder / "predictions.png")
        return {"images": len(self._images), "segments": len(self._results), "unreadable": len(self._faults)}

    def _add(self, index: int, image: Image.Image, query: Query) -> None:
        sample, shape = self._samples[index], (image.height, image.width)
        self._images.append(
            {"id": sample.image_id, "file_name": sample.name, "width": image.width, "height": image.height}
        )
        found = self._found(query, shape)
        labels = found.classes()
        if self._classes.mode == "semantic":
            ids = torch.tensor([one.id for one in self._entries])
            self._save("masks", index, grey(ids[labels]))
        else:
            self._save("masks", index, coloured_ids(found.places))
        if self._classes.mode == "instance":
            self._keep_objects(sample, query, shape)
        else:
            self._keep_segments(sample, found, self._names[index])
        picture = tinted(image, labels, self._entries, found.places)
        captions = [] if self._classes.mode == "semantic" else self._captions(found)
        self._save("overlays", index, named(picture, captions))
        if self._overview.wants(index):
            self._overview.add(Tile(picture, sample.name))

    def _found(self, query: Query, shape: tuple[int, int]) -> Found:
        """The segments at the size of the image; in semantic mode one for each class that occurs."""
        if self._classes.mode != "semantic":
            found = segments_of(query, self._classes.merging, self._classes.things)
            return Found(enlarged(found.places, shape), found.labels, found.scores)
        classes = enlarged(classes_of(query), shape)
        occurring, places = torch.unique(classes, return_inverse=True)
        shares = query.shares[:, :-1].amax(dim=0)
        return Found(places + 1, occurring.tolist(), shares[occurring].tolist())

    def _keep_objects(self, sample: MaskSample, query: Query, shape: tuple[int, int]) -> None:
        merging = self._classes.merging
        found = objects_of(query, merging.most, self._classes.things).surer(merging.threshold)
        masks = enlarged(found.masks, shape).numpy()
        for mask, label, score in zip(masks, found.labels.tolist(), found.scores.tolist(), strict=True):
            self._keep(sample, described(mask), label, score)

    def _keep_segments(self, sample: MaskSample, found: Found, name: str) -> None:
        told = []
        for place, (label, score) in enumerate(zip(found.labels, found.scores, strict=True), start=1):
            one = described((found.places == place).numpy())
            self._keep(sample, one, label, score)
            entry = self._entries[label]
            told.append(
                {
                    "id": place,
                    "category_id": entry.id,
                    "isthing": int(entry.is_thing),
                    "area": one["area"],
                    "bbox": one["bbox"],
                    "iscrowd": 0,
                    "score": round(score, 5),
                }
            )
        self._panoptic.append({"image_id": sample.image_id, "file_name": name, "segments_info": told})

    def _keep(self, sample: MaskSample, one: dict[str, Any], label: int, score: float) -> None:
        told = {"image_id": sample.image_id, "category_id": self._entries[label].id, "score": round(score, 5)}
        self._results.append(one | told)

    def _captions(self, found: Found) -> list[tuple[tuple[int, int], str]]:
        captions = []
        for place, (label, score) in enumerate(zip(found.labels, found.scores, strict=True), start=1):
            rows, columns = (found.places == place).nonzero(as_tuple=True)
            where = (int(columns.float().mean()), int(rows.float().mean()))
            captions.append((where, f"{self._entries[label].name} {score:.2f}"))
        return captions

    def _save(self, kind: str, index: int, picture: Image.Image) -> None:
        target = self._folder / kind / self._names[index]
        target.parent.mkdir(parents=True, exist_ok=True)
        picture.save(target)


def grey(ids: Tensor) -> Image.Image:
    """Whole numbers (height, width) as a grey image: of 8 bits where they suffice, else of 16."""
    small = int(ids.max()) < _BYTE
    return Image.fromarray(ids.numpy().astype(np.uint8 if small else np.uint16))


def coloured_ids(places: Tensor) -> Image.Image:
    """Ids of segments (height, width) as colours: R + 256 G + 65536 B."""
    ids = places.numpy()
    return Image.fromarray(np.stack([ids % _BYTE, ids // _BYTE % _BYTE, ids >> 16], -1).astype(np.uint8))
