"""What was found as files: metrics, pictures, embeddings."""

import csv
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from tunesmith.data.classification import Sample
from tunesmith.data.errors import DatasetError
from tunesmith.networks.mae.model import Reconstruction
from tunesmith.training.tasks.classification.images import ImageBatch
from tunesmith.training.tasks.pretraining.drawing import Triptychs
from tunesmith.training.tasks.pretraining.metrics import ReconstructionMeter


class Pictures:
    """Hands batches to the triptychs, with what a model of one kind has always the same.

    Args:
        triptychs: that draw.
        kept: the patches that the model sees.
        side: of a patch in pixels.
        by_patch: whether patches are predicted as normalised.
        meter: that has taken the losses of the batch.
    """

    def __init__(
        self, triptychs: Triptychs, kept: Tensor, side: int, meter: ReconstructionMeter, *, by_patch: bool
    ) -> None:
        self._triptychs, self._kept, self._side = triptychs, kept, side
        self._meter, self._by_patch = meter, by_patch

    def add(self, outputs: Reconstruction, batch: ImageBatch) -> None:
        """Take in a batch that the meter has seen."""
        images = self._meter.coloured(batch)
        self._triptychs.add(
            images,
            outputs.patches.cpu(),
            self._kept.expand(len(images), -1),
            batch.indices.tolist(),
            self._side,
            self._meter.losses,
            by_patch=self._by_patch,
        )

    def write(self, path: Path) -> None:
        """Write the picture."""
        self._triptychs.write(path)


class EvaluationReport:
    """Collects what an evaluation finds.

    Args:
        meter: of the metrics, fed beside this report.
        pictures: images, hidden and filled in.
        classes: of the linear probe.
    """

    def __init__(self, meter: ReconstructionMeter, pictures: Pictures, classes: Sequence[str]) -> None:
        self._meter, self._pictures, self._classes = meter, pictures, classes
        self._images = 0

    def update(self, outputs: Reconstruction, batch: ImageBatch) -> None:
        """Take in a batch."""
        self._images += len(batch.images)
        self._pictures.add(outputs, batch)

    def write(self, folder: Path) -> dict[str, Any]:
        """Write metrics.json and evaluation.png. Returns what metrics.json says."""
        figures = {
            "images": self._images,
            **self._meter.compute().values,
            "probed_classes": list(self._classes),
        }
        (folder / "metrics.json").write_text(json.dumps(figures, indent=1), encoding="utf-8")
        self._pictures.write(folder / "evaluation.png")
        return figures


class InferenceReport:
    """Collects embeddings.

    Args:
        samples: what is embedded.
        meter: of the losses; this report feeds it.
        pictures: images, hidden and filled in.
    """

    def __init__(self, samples: Sequence[Sample], meter: ReconstructionMeter, pictures: Pictures) -> None:
        self._samples, self._meter, self._pictures = samples, meter, pictures
        self._files: list[str] = []
        self._losses: list[float] = []
        self._embeddings: list[Tensor] = []
        self._faults: list[tuple[str, str]] = []

    def update(self, outputs: Reconstruction, batch: ImageBatch) -> None:
        """Take in a batch; images that could not be read are among its faults."""
        self._faults += [(self._samples[index].name, reason) for index, reason in batch.faults]
        if not len(batch.images):
            return
        self._meter.update(outputs, batch)
        self._pictures.add(outputs, batch)
        self._files += [self._samples[index].name for index in batch.indices.tolist()]
        self._losses += self._meter.losses.tolist()
        self._embeddings.append(outputs.embedding.float().cpu())

    def write(self, folder: Path) -> dict[str, Any]:
        """Write embeddings.npz (files, embeddings), predictions.csv (file, loss, error) and predictions.png.

        Raises:
            DatasetError: not a single image could be read.
        """
        if not self._files:
            first = self._faults[0][1] if self._faults else "there are none"
            raise DatasetError(f"None of the {len(self._faults)} images can be read: {first}")
        embeddings = torch.cat(self._embeddings).numpy()
        np.savez(folder / "embeddings.npz", files=np.array(self._files), embeddings=embeddings)
        with (folder / "predictions.csv").open("w", encoding="utf-8", newline="") as file:
            rows = csv.writer(file)
            rows.writerow(["file", "loss", "error"])
            rows.writerows(
                [name, f"{loss:.6f}", ""] for name, loss in zip(self._files, self._losses, strict=True)
            )
            rows.writerows([name, "", reason] for name, reason in self._faults)
        self._pictures.write(folder / "predictions.png")
        return {
            "images": len(self._files),
            "unreadable": len(self._faults),
            "embedding_width": embeddings.shape[1],
        }
