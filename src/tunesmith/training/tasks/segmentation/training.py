"""What trains a segmentation: cross entropy at the output, and at each map that the decoder mixes."""

from collections.abc import Sequence
from typing import Protocol, cast

from torch import Tensor, nn
from torch.nn.functional import cross_entropy, interpolate
from torchvision.utils import make_grid

from tunesmith.training.engine.training import Training
from tunesmith.training.tasks.image_format import ImageFormat
from tunesmith.training.tasks.segmentation.images import SegmentBatch
from tunesmith.training.tasks.segmentation.labels import IGNORED
from tunesmith.training.tasks.segmentation.metrics import at_size

_SHOWN = 16


class Branched(Protocol):
    """A model that mixes several maps of one width.

    Attributes:
        width: channels of the maps.
        levels: how many maps there are.
    """

    width: int
    levels: int

    def branches(self, images: Tensor) -> list[Tensor]:
        """The maps (batch, width, height, width), the finest first."""
        ...

    def outputs(self, branches: Sequence[Tensor]) -> Tensor:
        """The logits of these maps."""
        ...

    def part(self, name: str) -> nn.Module:
        """The part that a file of weights is for: "backbone", say. The empty name is the whole."""
        ...

    def output_layers(self) -> Sequence[nn.Module]:
        """The layers that classify pixels."""
        ...


class SegmentationTraining(Training[SegmentBatch]):
    """A model and its cross entropy, with deep supervision: a linear classifier on each map learns beside it.

    Args:
        model: a Branched module.
        form: what its images look like.
        classes: how many there are.
        weights: of the losses at the maps, the coarsest first, and of that at the output, the last.
    """

    def __init__(self, model: nn.Module, form: ImageFormat, classes: int, weights: Sequence[float]) -> None:
        super().__init__(model)
        self._form = form
        branched = cast("Branched", model)
        self._weights = tuple(reversed(weights[-1 - branched.levels : -1]))
        self._whole = weights[-1]
        self.beside = nn.ModuleList(
            nn.Conv2d(branched.width, classes, 1) if weight else nn.Identity() for weight in self._weights
        )

    def forward(self, batch: SegmentBatch) -> dict[str, Tensor]:
        """The loss of a batch; loss_output is that of the output alone."""
        model = cast("Branched", self.model)
        branches = model.branches(batch.images)
        output = _loss(at_size(model.outputs(branches), batch.masks.shape[-2:]), batch.masks)
        total = output * self._whole
        for layer, branch, weight in zip(self.beside, branches, self._weights, strict=True):
            if weight:
                total = total + weight * _loss(layer(branch), _reduced(batch.masks, branch.shape[-2:]))
        return {"loss": total, "loss_output": output.detach()}

    def preview(self, batch: SegmentBatch) -> Tensor | None:
        """The first images of a batch."""
        return cast("Tensor", make_grid(self._form.restore(batch.images[:_SHOWN]).cpu(), nrow=4))


def _loss(logits: Tensor, masks: Tensor) -> Tensor:
    """The mean over the pixels that are known; nothing where there is none."""
    known = (masks != IGNORED).sum().clamp_min(1)
    return cross_entropy(logits.float(), masks, ignore_index=IGNORED, reduction="sum") / known


def _reduced(masks: Tensor, size: Sequence[int]) -> Tensor:
    """Masks at the size of a map."""
    return interpolate(masks[:, None].float(), tuple(size), mode="nearest-exact")[:, 0].long()
