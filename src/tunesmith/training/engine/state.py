"""Everything that changes while a training runs: saved whole, taken up whole."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from typing import Any, TypedDict

import torch
from lightning_fabric import Fabric
from torch.optim.lr_scheduler import LambdaLR

import tunesmith
from tunesmith.training.engine.divergence import LossRecord, LossState
from tunesmith.training.engine.ema import AveragedWeights
from tunesmith.training.engine.generators import generator_states, restore_generators
from tunesmith.training.engine.schedules import follow
from tunesmith.training.engine.training import Measured, Training

FORMAT = 1


@dataclass(frozen=True)
class Best:
    """The epoch that did best: its goal's value and all that was measured."""

    epoch: int
    value: float
    measured: Measured


@dataclass
class Progress:
    """How far a training is.

    Attributes:
        epochs: whole epochs done.
        steps: steps done of the next one.
        lr: the learning rate of the last of them.
        measured: whether the last whole epoch was validated.
    """

    epochs: int = 0
    steps: int = 0
    lr: float = 0.0
    measured: bool = False


class OwnState(TypedDict):
    """What each of the processes that train together has of its own."""

    generators: dict[str, Any]
    losses: LossState


@dataclass
class TrainState:
    """The state of a training.

    Attributes:
        training: the model and what trains it.
        optimizer: as built, before Fabric wraps it.
        schedule: of the learning rate.
        fabric: whose precision may hold the scale of the gradients.
        ema: the averaged weights, if they are kept.
        ema_judged: whether the averaged weights are the model, or only saved beside it.
        facts: what does not change but belongs to the model: spec, classes, seed, numerics, network.
        done: the position in the data.
        losses: of the epoch at hand.
        best: the best epoch so far.
    """

    training: Training[Any]
    optimizer: torch.optim.Optimizer | None
    schedule: LambdaLR | None
    fabric: Fabric
    ema: AveragedWeights | None
    facts: dict[str, Any]
    ema_judged: bool = True
    done: Progress = field(default_factory=Progress)
    losses: LossRecord = field(default_factory=LossRecord)
    best: Best | None = None

    @property
    def predictor(self) -> torch.nn.Module:
        """The model that is judged: the averaged weights where they are kept."""
        return self.ema.model if self.ema and self.ema_judged else self.training.model

    def own(self) -> OwnState:
        """What each process that trains has of its own."""
        return {"generators": generator_states(), "losses": self.losses.state_dict()}

    def state_dict(self, others: Sequence[OwnState] = ()) -> dict[str, Any]:
        """The state as plain data and tensors, with what the other processes have of their own, by rank."""
        return {
            "format": FORMAT,
            "tunesmith": tunesmith.__version__,
            **self.facts,
            "model": self.training.model.state_dict(),
            "extras": self.training.extras(),
            "optimizer": self.optimizer.state_dict() if self.optimizer else None,
            "schedule": self.schedule.state_dict() if self.schedule else None,
            "precision": self.fabric.strategy.precision.state_dict(),
            "ema": self.ema.state_dict() if self.ema else None,
            "ema_judged": self.ema_judged,
            "done": asdict(self.done),
            **self.own(),
            "others": list(others),
            "best": asdict(self.best) if self.best else None,
        }

    def load_state_dict(self, state: dict[str, Any], rank: int = 0) -> None:
        """Go on from a saved state of the same model, as this one of the processes that trained it."""
        own = state["others"][rank - 1] if rank else state
        self.training.model.load_state_dict(state["model"])
        self.training.load_extras(state["extras"])
        if self.optimizer and self.schedule:
            self.optimizer.load_state_dict(state["optimizer"])
            self.schedule.load_state_dict(state["schedule"])
            follow(self.schedule)
        self.fabric.strategy.precision.load_state_dict(state["precision"])
        if self.ema and state["ema"]:
            self.ema.load_state_dict(state["ema"])
        self.done = Progress(**state["done"])
        self.losses.load_state_dict(own["losses"])
        self.best = _best(state["best"])
        restore_generators(own["generators"])


def _best(saved: dict[str, Any] | None) -> Best | None:
    return Best(saved["epoch"], saved["value"], Measured(**saved["measured"])) if saved else None


def predicting_weights(state: dict[str, Any]) -> dict[str, torch.Tensor]:
    """The weights of the model that was judged, from a saved state."""
    judged = state.get("ema") and state.get("ema_judged", True)
    weights: dict[str, torch.Tensor] = state["ema"]["model"] if judged else state["model"]
    return weights
