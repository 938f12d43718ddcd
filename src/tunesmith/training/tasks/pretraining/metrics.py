"""How well hidden patches are filled in, and how much the features tell of classes."""

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from tunesmith.networks.mae.model import Reconstruction
from tunesmith.networks.mae.patches import reconstruction_losses
from tunesmith.training.engine.training import Measured
from tunesmith.training.tasks.classification.images import UNLABELLED, ImageBatch
from tunesmith.training.tasks.classification.logistic import fit_logistic
from tunesmith.training.tasks.graphs import Spread

_MOST_PROBED = 20_000


class ReconstructionMeter:
    """The mean loss at hidden patches; with classes also the accuracy of a linear probe.

    Attributes:
        losses: of the images of the last batch.

    Args:
        kept: the patches that the model sees, (kept,).
        side: of a patch in pixels.
        by_patch: whether the pixels of each patch are normalised before they are compared.
        classes: their names; none for no probe.
        spread: grey images to those that the model was trained with.
    """

    losses: Tensor

    def __init__(
        self, kept: Tensor, side: int, *, by_patch: bool, spread: Spread, classes: Sequence[str] = ()
    ) -> None:
        self._kept, self._side, self._by_patch, self._spread = kept, side, by_patch, spread
        self._classes = classes
        self._sum, self._count = 0.0, 0
        self._features: list[Tensor] = []
        self._labels: list[Tensor] = []

    def update(self, outputs: Reconstruction, batch: ImageBatch) -> None:
        """Take in what the model made of a batch."""
        images, patches = self.coloured(batch), outputs.patches.float().cpu()
        kept = self._kept.expand(len(images), -1)
        self.losses = reconstruction_losses(images, patches, kept, self._side, by_patch=self._by_patch)
        self._sum += float(self.losses.sum())
        self._count += len(images)
        if self._classes and self._count <= _MOST_PROBED:
            self._features.append(outputs.embedding.float().cpu())
            self._labels.append(batch.labels.cpu())

    def coloured(self, batch: ImageBatch) -> Tensor:
        """The images of a batch with the channels that the model was trained with."""
        images: Tensor = self._spread(batch.images.float().cpu())
        return images

    def compute(self) -> Measured:
        """loss, and probe_acc where a probe could be fitted."""
        values = {"loss": self._sum / self._count}
        if self._classes:
            features, labels = torch.cat(self._features), torch.cat(self._labels)
            known = labels != UNLABELLED
            found = probe(features[known], labels[known], len(self._classes))
            values |= {} if found is None else {"probe_acc": found}
        return Measured(values)


def probe(features: Tensor, labels: Tensor, classes: int) -> float | None:
    """The accuracy of a logistic regression on frozen features.

    It is fitted on every other image of each class and measured on the rest; None where there is no rest.

    Args:
        features: (images, width).
        labels: class indices (images,).
        classes: how many there are.
    """
    place = torch.zeros_like(labels)
    for label in set(labels.tolist()):
        own = labels == label
        place[own] = torch.arange(int(own.sum()))
    learnt = place % 2 == 0
    if bool(learnt.all()) or len(set(labels[learnt].tolist())) < 2:
        return None
    with torch.inference_mode(False), torch.enable_grad():
        features, labels = features.clone(), labels.clone()
        head = nn.Linear(features.shape[1], classes)
        fit_logistic(head, features[learnt], labels[learnt])
        guessed = head(features[~learnt]).argmax(dim=1)
    return float((guessed == labels[~learnt]).float().mean())
