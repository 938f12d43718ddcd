"""Collects the losses of an epoch and notices when a training has diverged, without slowing it down.

Reading a number from a GPU waits for it. So losses stay on the device until somebody looks.
"""

import math
from collections.abc import Sequence
from typing import TypedDict

import torch
from torch import Tensor, nn

from tunesmith.protocol import Cause
from tunesmith.training.failures import JobError


class LossState(TypedDict):
    """The sums of an epoch's losses by name, and over how many steps."""

    sums: dict[str, float]
    count: int


class LossRecord:
    """The losses of the epoch at hand."""

    def __init__(self) -> None:
        self._names: tuple[str, ...] = ()
        self._pending: list[Tensor] = []
        self._norms: list[Tensor] = []
        self._sums: dict[str, float] = {}
        self._count = 0

    def add(self, losses: dict[str, Tensor], norm: Tensor | None, share: float = 1.0) -> None:
        """Take in the losses of a step, and the norm of its gradient where it is known.

        `share` is what this process's loss counts among those of all that train together.
        """
        self._names = tuple(losses)
        self._pending.append(torch.stack([loss.detach() * share for loss in losses.values()]))
        if norm is not None:
            self._norms.append(norm)

    def look(self, epoch: int) -> None:
        """Read what was taken in since the last look.

        Raises:
            JobError: diverged, with the epoch and the step, counted from 1.
        """
        if not self._pending:
            return
        rows = torch.stack(self._pending).tolist()
        norms = torch.stack(self._norms).tolist() if self._norms else [0.0] * len(rows)
        self._pending, self._norms = [], []
        for row, norm in zip(rows, norms, strict=True):
            self._count += 1
            for name, value in zip(self._names, row, strict=True):
                self._require_finite(f"the {name}" if name == "loss" else f"the loss {name}", value, epoch)
                self._sums[name] = self._sums.get(name, 0.0) + value
            self._require_finite("the gradient", norm, epoch)

    def means(self, others: Sequence[LossState] = ()) -> dict[str, float]:
        """The mean of each loss over the steps looked at, with the shares of other processes."""
        return {
            name: sum([total, *(other["sums"][name] for other in others)]) / self._count
            for name, total in self._sums.items()
        }

    def reset(self) -> None:
        """Begin an epoch."""
        self.load_state_dict({"sums": {}, "count": 0})

    def state_dict(self) -> LossState:
        """What was looked at in the epoch so far."""
        return {"sums": dict(self._sums), "count": self._count}

    def load_state_dict(self, state: LossState) -> None:
        """Go on in the middle of an epoch."""
        self._sums, self._count = dict(state["sums"]), state["count"]
        self._pending, self._norms = [], []

    def _require_finite(self, what: str, value: float, epoch: int) -> None:
        if not math.isfinite(value):
            raise diverged(f"{what} is {value} in epoch {epoch}, step {self._count}")


def diverged(fact: str) -> JobError:
    """The error of a training that has diverged; `fact` says what is not finite, where and when."""
    return JobError(
        Cause.DIVERGED,
        f"The training diverged: {fact}.",
        "Lower train.optim.lr or give it train.optim.warmup_epochs, set train.clip_grad_norm to a smaller "
        "value above 0, and train with train.precision fp32. Look for damaged images or labels too.",
    )


def require_finite_weights(model: nn.Module, where: str) -> None:
    """Look for what the last step can have spoilt unseen, where gradients are not measured.

    Raises:
        JobError: diverged; the message has `where`: "after epoch 3".
    """
    for name, weight in model.named_parameters():
        if not bool(weight.isfinite().all()):
            raise diverged(f"the weight {name} is not finite {where}")
