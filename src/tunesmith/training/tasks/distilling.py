"""What every training with a teacher beside it needs."""

from collections.abc import Callable, Iterable
from typing import TypeVar

import torch
from torch import Tensor, nn

from tunesmith.training.engine.training import Training

BatchT = TypeVar("BatchT")


class Taught(Training[BatchT]):
    """A student's training, and a teacher that does not learn.

    The teacher's weights are not saved: a training that goes on fetches them again.

    Args:
        training: of the student alone.
        teacher: frozen, in evaluation mode.
    """

    def __init__(self, training: Training[BatchT], teacher: nn.Module) -> None:
        super().__init__(training.model)
        self.own = training
        self._teacher = (teacher,)  # in a tuple it is no part of what is trained and saved

    @property
    def teacher(self) -> nn.Module:
        """What the student learns from."""
        return self._teacher[0]

    def prepare(self, batches: Iterable[BatchT], device: torch.device) -> None:
        """As the student alone."""
        self.own.prepare(batches, device)

    def preview(self, batch: BatchT) -> Tensor | None:
        """As the student alone."""
        return self.own.preview(batch)

    def extras(self) -> dict[str, Tensor]:
        """The weights beside the model's, which are reached in two ways here."""
        return {name: value for name, value in super().extras().items() if not name.startswith("own.model.")}

    def _apply(self, fn: Callable[[Tensor], Tensor], recurse: bool = True) -> "Taught[BatchT]":
        """The teacher moves with the student to a device."""
        self._teacher[0]._apply(fn, recurse)  # type: ignore[no-untyped-call]  # noqa: SLF001 - as torch moves
        super()._apply(fn, recurse)  # type: ignore[no-untyped-call]
        return self
