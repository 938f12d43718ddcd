"""Parts of a model that do not learn."""

from collections.abc import Sequence

from torch import nn

from tunesmith.specs import SpecError, SpecProblem


def freeze(model: nn.Module, parts: Sequence[str]) -> None:
    """Keep the parameters whose names have one of these parts as they are.

    Raises:
        SpecError: a part is in no name.
    """
    for part in parts:
        fitting = [weight for name, weight in model.named_parameters() if part in name]
        if not fitting:
            some = sorted({".".join(name.split(".")[:3]) for name, _ in model.named_parameters()})
            rule = f"must hold parts of parameters' names; they begin with {', '.join(some[:8])}"
            raise SpecError([SpecProblem("train.freeze", rule, part)])
        for weight in fitting:
            weight.requires_grad_(False)
