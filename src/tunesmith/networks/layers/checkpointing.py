"""Trades computation for memory: activations of a layer are computed again when its gradient is."""

from collections.abc import Iterable
from functools import cache
from typing import Any

import torch
from torch import nn
from torch.utils.checkpoint import checkpoint


def checkpoint_layers(layers: Iterable[nn.Module]) -> None:
    """Let layers keep no activations while they learn. Their names and weights stay as they are.

    Layers that update running statistics would do so twice: they must not be among these.
    """
    for layer in layers:
        kind: Any = type(layer)
        layer.__class__ = _checkpointed(kind)


class _Checkpointed(nn.Module):
    def forward(self, *args: Any, **kwargs: Any) -> Any:
        if self.training and torch.is_grad_enabled():
            return checkpoint(super().forward, *args, use_reentrant=False, **kwargs)
        return super().forward(*args, **kwargs)


@cache
def _checkpointed(kind: type[nn.Module]) -> type[nn.Module]:
    return type(f"Checkpointed{kind.__name__}", (_Checkpointed, kind), {})
