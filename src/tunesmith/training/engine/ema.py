"""A running average of a model's weights: it often predicts better than the newest weights."""

from collections.abc import Iterator
from copy import deepcopy
from typing import Any

import torch
from torch import Tensor, nn


class AveragedWeights:
    """A copy of a model whose weights follow the original's.

    The n-th notice keeps min(decay, (1 + n) / (10 + n)) of the average: a short training would otherwise be
    judged by weights that are mostly the random ones it began with.

    Attributes:
        model: the copy, in evaluation mode.
    """

    def __init__(self, model: nn.Module, decay: float, *, every: int = 1, on_cpu: bool = False) -> None:
        """Args:
        model: the original.
        decay: the share of the average that is kept.
        every: steps between two of which the average takes notice.
        on_cpu: keep the copy on the processor.
        """
        copy = deepcopy(model).eval().requires_grad_(False)
        self.model = copy.cpu() if on_cpu else copy
        self._decay, self._every = decay, every
        self._steps = 0
        pairs = list(zip(_tensors(self.model), _tensors(model), strict=True))
        # A mask may hold minus infinity, of which no average can be taken.
        averaged = [mine.is_floating_point() and bool(mine.isfinite().all()) for mine, _ in pairs]
        self._averages = [mine for (mine, _), take in zip(pairs, averaged, strict=True) if take]
        self._originals = [its for (_, its), take in zip(pairs, averaged, strict=True) if take]
        self._copies = [pair for pair, take in zip(pairs, averaged, strict=True) if not take]

    @torch.no_grad()
    def update(self) -> None:
        """Follow the original after one of its steps."""
        self._steps += 1
        if self._steps % self._every:
            return
        noticed = self._steps // self._every
        kept = min(self._decay, (1 + noticed) / (10 + noticed))
        originals = [its.to(mine.device) for mine, its in zip(self._averages, self._originals, strict=True)]
        torch._foreach_lerp_(self._averages, originals, 1.0 - kept)
        for mine, its in self._copies:
            mine.copy_(its)

    def state_dict(self) -> dict[str, Any]:
        """The average, and how many steps it has seen."""
        return {"model": self.model.state_dict(), "steps": self._steps}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Go on from a saved average."""
        self.model.load_state_dict(state["model"])
        self._steps = state["steps"]


def _tensors(model: nn.Module) -> Iterator[Tensor]:
    yield from model.parameters()
    yield from model.buffers()
