"""Writes TensorBoard event files."""

from collections.abc import Callable, Mapping
from pathlib import Path

from torch import Tensor

EVENTS = "tensorboard"
"""The folder of the results that holds the event files."""


class Board:
    """Curves every epoch; pictures of the training data every `interval` epochs, never if 0."""

    def __init__(self, folder: Path, interval: int, first_epoch: int) -> None:
        """Points from `first_epoch` on replace what a stopped run wrote of the same epoch."""
        from torch.utils.tensorboard import SummaryWriter

        self._interval = interval
        self._writer = SummaryWriter(folder, purge_step=first_epoch if first_epoch > 1 else None)

    def record(self, epoch: int, values: Mapping[str, float], picture: Callable[[], Tensor | None]) -> None:
        """Write an epoch down; the files are whole afterwards."""
        for name, value in values.items():
            self._writer.add_scalar(name, value, epoch)
        if self._interval and epoch % self._interval == 0 and (image := picture()) is not None:
            self._writer.add_image("training images", image, epoch)
        self._writer.flush()

    def close(self) -> None:
        """Close the files."""
        self._writer.close()
