"""Builds optimisers."""

from collections.abc import Iterator
from typing import Any

import torch
from torch import nn

from tunesmith.training.engine.settings import OptimizerSettings


def build_optimizer(module: nn.Module, settings: OptimizerSettings, *, fused: bool) -> torch.optim.Optimizer:
    """The optimiser over all parameters of the module that learn.

    Args:
        module: with at least one parameter that requires a gradient.
        settings: which optimiser, and its numbers.
        fused: update all parameters in one kernel; a gradient scaler (fp16) does not go with it.

    Raises:
        ValueError: there is no optimiser of that name.
    """
    groups = list(_groups(module, settings))
    match settings.name:
        case "adamw":
            return torch.optim.AdamW(
                groups, lr=settings.lr, betas=settings.betas, eps=settings.eps, fused=fused
            )
        case "adam":
            return torch.optim.Adam(
                groups, lr=settings.lr, betas=settings.betas, eps=settings.eps, fused=fused
            )
        case "sgd":
            nesterov = settings.nesterov and settings.momentum > 0
            return torch.optim.SGD(
                groups, lr=settings.lr, momentum=settings.momentum, nesterov=nesterov, fused=fused
            )
        case "rmsprop":
            return torch.optim.RMSprop(
                groups, lr=settings.lr, alpha=settings.rho, eps=settings.eps, momentum=settings.momentum
            )
        case name:
            raise ValueError(f"there is no optimiser {name!r}; there are adamw, adam, sgd and rmsprop")


def _groups(module: nn.Module, settings: OptimizerSettings) -> Iterator[dict[str, Any]]:
    """The parameters by learning rate, each with weight decay and without."""
    groups: dict[tuple[float, float], list[nn.Parameter]] = {}
    for name, parameter in module.named_parameters():
        if parameter.requires_grad:
            skipped = any(part in name for part in settings.skip_names)
            skipped |= settings.decayed is not None and parameter.dim() not in settings.decayed
            facts = (_rate(name, settings), 0.0 if skipped else settings.weight_decay)
            groups.setdefault(facts, []).append(parameter)
    for (lr, weight_decay), parameters in groups.items():
        yield {"params": parameters, "lr": lr, "weight_decay": weight_decay}


def _rate(name: str, settings: OptimizerSettings) -> float:
    return next((rate.lr for rate in settings.rates if any(part in name for part in rate.parts)), settings.lr)
