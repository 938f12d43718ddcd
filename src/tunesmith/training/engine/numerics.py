"""Number format, memory layout and threads of a training, and the Fabric that applies them."""

from dataclasses import dataclass
from typing import Literal

import torch
from lightning_fabric import Fabric
from torch import nn

from tunesmith.training.engine.group import Group

_FABRIC_NAMES: dict[str, Literal["32-true", "bf16-mixed", "16-mixed"]] = {
    "fp32": "32-true",
    "bf16": "bf16-mixed",
    "fp16": "16-mixed",
}


@dataclass(frozen=True)
class Numerics:
    """How a training computes. Weights and optimiser stay in fp32; bf16 and fp16 are for the computation.

    Attributes:
        precision: fp32, bf16 or fp16.
        channels_last: whether images lie in memory pixel by pixel instead of channel by channel.
        threads: of the processor; None for all that the job was given.
    """

    precision: str = "fp32"
    channels_last: bool = False
    threads: int | None = None

    def __str__(self) -> str:
        return f"{self.precision}{', channels last' if self.channels_last else ''}"

    def apply(self, module: nn.Module) -> None:
        """Lay the module's weights out, and take the threads. Data follows the first convolution's layout."""
        lay_out(module, channels_last=self.channels_last)
        if self.threads:
            torch.set_num_threads(self.threads)

    def fabric(self, device: torch.device, group: Group | None = None) -> Fabric:
        """The Fabric for one device, alone or with the other processes of a group."""
        return (group or Group()).fabric(device, _FABRIC_NAMES[self.precision])


def lay_out(module: nn.Module, *, channels_last: bool) -> None:
    """Change the memory layout of all four-dimensional weights."""
    for parameter in module.parameters():
        if parameter.dim() == 4:
            layout = torch.channels_last if channels_last else torch.contiguous_format
            parameter.data = parameter.data.contiguous(memory_format=layout)


def is_convolutional(module: nn.Module) -> bool:
    """Whether a good part of the weights are convolutions, for which the layout matters."""
    convolved = sum(parameter.numel() for parameter in module.parameters() if parameter.dim() == 4)
    return convolved * 5 > sum(parameter.numel() for parameter in module.parameters())
