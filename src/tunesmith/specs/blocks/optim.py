"""Optimisers and learning-rate schedules."""

from tunesmith.specs.block import Block
from tunesmith.specs.fields import choice, number, text

MONITOR = "Metric that chooses the best checkpoint; untouched, the experiment's metric does."


class Optimizer(Block):
    """Optimiser and learning-rate schedule."""

    monitor_name: str = text("val_loss", MONITOR)
    optim: str = choice("adamw", ["adamw", "adam", "sgd"], "The optimiser.")
    lr: float = number(6e-5, "Learning rate.", ge=0, automl=True)
    policy: str = choice("linear", ["linear", "step"], "How the learning rate falls.")
    momentum: float = number(0.9, "Momentum of sgd.", ge=0, math_cond="> 0.0", automl=True)
    weight_decay: float = number(0.01, "Weight decay.", ge=0, math_cond="> 0.0", automl=True)
