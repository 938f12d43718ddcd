"""Images, what is seen of them, and what is made of it, side by side."""

from collections.abc import Sequence
from pathlib import Path

import torch
from torch import Tensor
from torchvision.transforms.v2.functional import to_pil_image

from tunesmith.data.draw import Tile, grid
from tunesmith.networks.mae.patches import hidden, normalised, patchify, unpatchify
from tunesmith.training.tasks.image_format import ImageFormat

_GREY = 0.5
_TILE = 160
SHOWN = 12


def triptych(
    form: ImageFormat, images: Tensor, predicted: Tensor, kept: Tensor, side: int, *, by_patch: bool
) -> tuple[Tensor, Tensor, Tensor]:
    """The images, their visible patches on grey, and with the hidden ones filled in; values from 0 to 1.

    Patches that were predicted as normalised get the mean and the deviation of the true ones: the model
    does not say them.

    Args:
        form: what the images look like.
        images: normalised, (batch, channels, height, width).
        predicted: (batch, patches, numbers).
        kept: (batch, kept).
        side: of a patch in pixels.
        by_patch: whether each patch was predicted as normalised.
    """
    images, predicted = images.detach().float(), predicted.detach().float()
    true = patchify(images, side)
    if by_patch:
        _, mean, deviation = normalised(true)
        predicted = predicted * deviation + mean
    unseen = hidden(kept, true.shape[1])[..., None]
    size = images.shape[-2:]
    filled = form.restore(unpatchify(true * (1 - unseen) + predicted * unseen, side, *size))
    veil = unpatchify(unseen.expand_as(true), side, *size)
    shown = form.restore(images)
    return shown.cpu(), (shown * (1 - veil) + _GREY * veil).cpu(), filled.cpu()


class Triptychs:
    """Collects some images from all over a dataset, and draws them.

    Args:
        form: what the images look like.
        total: how many there are.
        names: of the images, by index.
    """

    def __init__(self, form: ImageFormat, total: int, names: Sequence[str]) -> None:
        self._form, self._names = form, names
        self._stride = -(-total // SHOWN)
        self._tiles: list[Tile] = []

    def add(
        self,
        images: Tensor,
        predicted: Tensor,
        kept: Tensor,
        indices: Sequence[int],
        side: int,
        losses: Tensor,
        *,
        by_patch: bool,
    ) -> None:
        """Take in a batch; the indices say which samples it holds."""
        rows = [row for row, index in enumerate(indices) if index % self._stride == 0]
        if not rows:
            return
        some = torch.tensor(rows)
        three = triptych(self._form, images[some], predicted[some], kept[some], side, by_patch=by_patch)
        for place, row in enumerate(rows):
            name = Path(self._names[indices[row]]).name
            captions = (name, "what is seen", f"filled in, loss {losses[row]:.3f}")
            for kind, caption in zip(three, captions, strict=True):
                self._tiles.append(Tile(to_pil_image(kind[place]), caption))

    def write(self, path: Path) -> None:
        """Write what was collected as one picture: three columns, an image a row."""
        if self._tiles:
            grid(self._tiles, 3, _TILE).save(path)
