"""How weights are learnt, as networks' settings say it, in the engine's terms."""

from collections.abc import Sequence

from torch import nn

from tunesmith.networks.detection import Learning
from tunesmith.specs import SpecError, SpecProblem
from tunesmith.training.engine.log import log
from tunesmith.training.engine.settings import OptimizerSettings, Rate, ScheduleSettings


def optimizer(learning: Learning) -> OptimizerSettings:
    """The optimiser."""
    return OptimizerSettings(
        name=learning.optimizer,
        lr=learning.lr,
        weight_decay=learning.weight_decay,
        momentum=learning.momentum,
        skip_names=learning.not_decayed,
        rates=tuple(Rate(parts, lr) for parts, lr in learning.rates),
    )


def schedule(learning: Learning) -> ScheduleSettings:
    """The learning-rate schedule."""
    return ScheduleSettings(
        learning.policy,
        dict(learning.policy_params),
        warmup_epochs=learning.warmup_epochs,
        warmup_steps=learning.warmup_steps,
        warmup_from=learning.warmup_from,
    )


def freeze(model: nn.Module, parts: Sequence[str]) -> None:
    """Let the parameters whose names have one of these parts not learn.

    Raises:
        SpecError: no parameter has such a name.
    """
    for part in parts:
        fitting = [weight for name, weight in model.named_parameters() if part in name]
        if not fitting:
            some = sorted({".".join(name.split(".")[:3]) for name, _ in model.named_parameters()})
            rule = f"must hold parts of parameters' names; they begin with {', '.join(some[:8])}"
            raise SpecError([SpecProblem("train.freeze", rule, part)])
        for weight in fitting:
            weight.requires_grad_(False)


def list_parameters(model: nn.Module) -> None:
    """Write to the log which parameters learn."""
    for name, weight in model.named_parameters():
        log(f"{name} {tuple(weight.shape)} {'learns' if weight.requires_grad else 'frozen'}")
