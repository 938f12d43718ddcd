"""What was found as files: metrics, pictures, annotations that can be trained on."""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image
from torch import Tensor
from torchvision.transforms.v2.functional import to_pil_image

from tunesmith.data.draw import Tile, grid
from tunesmith.data.images import open_rgb
from tunesmith.data.masks import Mask, compress, encode
from tunesmith.networks.mal.spec import MalSpec
from tunesmith.training.tasks.auto_labelling.crops import CropBatch
from tunesmith.training.tasks.auto_labelling.masks import largest_part, mask_in_image, threshold_of
from tunesmith.training.tasks.auto_labelling.metrics import MaskMeter
from tunesmith.training.tasks.auto_labelling.samples import Annotated, Instance
from tunesmith.training.tasks.image_format import ImageFormat
from tunesmith.training.tasks.segmentation.drawing import overlay
from tunesmith.training.tasks.segmentation.labels import IGNORED, distinct_colours

_COLUMNS, _TILE, _SHOWN = 6, 160, 24
_COLOURS = distinct_colours(10)
_MOST_OVERLAYS = 100


class EvaluationReport:
    """Collects what an evaluation finds.

    Args:
        samples: what is evaluated on.
        form: what crops look like.
        meter: of the metrics, fed beside this report.
    """

    def __init__(self, samples: Sequence[Instance], form: ImageFormat, meter: MaskMeter) -> None:
        self._samples, self._form, self._meter = samples, form, meter
        self._stride = -(-len(samples) // _SHOWN)
        self._tiles: list[Tile] = []

    def update(self, outputs: Tensor, batch: CropBatch) -> None:  # noqa: ARG002 - the meter made masks of them
        """Draw some objects of a batch that the meter has seen: the true mask and the one that was found."""
        for place, index in enumerate(batch.indices.tolist()):
            if index % self._stride:
                continue
            picture = to_pil_image(self._form.restore(batch.crops[place].cpu()))
            label, score = self._samples[index].label, self._meter.scores[place]
            for mask, caption in (
                (batch.masks[place].cpu(), f"true: {label}"),
                (self._meter.masks[place], f"found: IoU {score:.2f}"),
            ):
                tinted = np.where(mask.numpy(), 0, IGNORED)
                self._tiles.append(Tile(overlay(picture, tinted, _COLOURS), caption))

    def write(self, folder: Path) -> dict[str, Any]:
        """Write metrics.json and evaluation.png. Returns what metrics.json says."""
        measured = self._meter.compute()
        figures = {
            "objects": len(self._samples),
            **measured.bare,
            **measured.values,
            "classes": measured.per_category["IoU"],
        }
        (folder / "metrics.json").write_text(json.dumps(figures, indent=1), encoding="utf-8")
        grid(self._tiles, _COLUMNS, _TILE).save(folder / "evaluation.png")
        return figures


class InferenceReport:
    """Writes the annotations of a dataset with the masks that were found, and draws them over its images.

    Args:
        source: the dataset.
        samples: its objects.
        spec: of the job.
        meter: where true masks are to be compared with; this report feeds it.
    """

    def __init__(
        self, source: Annotated, samples: Sequence[Instance], spec: MalSpec, meter: MaskMeter | None
    ) -> None:
        self._source, self._samples, self._spec, self._meter = source, samples, spec, meter
        self._found: dict[int, dict[str, Any]] = {}
        self._drawn: dict[int, list[Mask]] = {}

    def update(self, outputs: Tensor, batch: CropBatch) -> None:
        """Take in the probabilities of a batch."""
        if self._meter:
            self._meter.update(outputs, batch)
        rows = zip(batch.indices.tolist(), outputs.float().cpu(), batch.regions.tolist(), strict=True)
        for index, probabilities, region in rows:
            self._add(self._samples[index], probabilities, region)

    def write(self, folder: Path) -> dict[str, Any]:
        """Write the annotations and the overlays. Returns the counts."""
        name = self._spec.inference.label_dump_path.rpartition("/")[2]
        given = json.loads(self._source.file.read_text(encoding="utf-8"))
        places = self._source.data.annotated.places
        for row, found in self._found.items():
            given["annotations"][int(places[row])] |= found
        labelled = {int(places[row]) for row in self._found}
        given["annotations"] = [
            one for place, one in enumerate(given["annotations"]) if place in labelled or one.get("iscrowd")
        ]
        (folder / name).write_text(json.dumps(given), encoding="utf-8")
        for place, masks in self._drawn.items():
            self._draw(place, masks, folder / "overlays")
        counts: dict[str, Any] = {"objects": len(self._found), "images": len(self._source.data.paths)}
        if self._meter:
            counts |= self._meter.compute().named()
        return counts | {"annotations": name}

    def _add(self, sample: Instance, probabilities: Tensor, region: Sequence[int]) -> None:
        place = sample.picture.place
        image = self._source.data.annotated.images[place]
        threshold = threshold_of(sample.box, self._spec.train.mask_thres)
        mask = mask_in_image(probabilities, region, sample.box, (image.height, image.width), threshold)
        if self._spec.evaluate.comp_clustering:
            mask = largest_part(mask)
        rle = encode(mask)
        self._found[sample.row] = {
            "segmentation": {"size": [rle.height, rle.width], "counts": compress(rle.runs)},
            "area": int(mask.sum()),
        }
        if place in self._drawn or len(self._drawn) < _MOST_OVERLAYS:
            self._drawn.setdefault(place, []).append(mask)

    def _draw(self, place: int, masks: Sequence[Mask], folder: Path) -> None:
        image: Image.Image = open_rgb(self._source.data.paths[place])
        tinted = np.full((image.height, image.width), IGNORED)
        for number, mask in enumerate(masks):
            tinted[mask] = number % len(_COLOURS)
        target = (folder / self._source.data.annotated.images[place].name).with_suffix(".png")
        target.parent.mkdir(parents=True, exist_ok=True)
        overlay(image, tinted, _COLOURS).save(target)
