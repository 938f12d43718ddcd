"""A timm backbone with a linear classifier: the model of all networks that classify images."""

from dataclasses import dataclass
from typing import Any, cast

import timm
import torch
from torch import Tensor, nn

from tunesmith.specs import SpecError, SpecProblem


@dataclass(frozen=True)
class Keys:
    """Where the spec says what timm builds, for messages: the backbone, further arguments, the image size."""

    backbone: str
    arguments: str
    size: str


class Classifier(nn.Module):
    """A backbone and a linear layer on its pooled features.

    Takes normalised images (batch, 3, height, width) and returns logits (batch, classes).

    Attributes:
        net: the timm model, classifier included.
        binary: one output tells two classes apart: the first class has a fixed logit of 0.
        frozen: the backbone does not learn.
        still: further parts that do not learn.
    """

    def __init__(
        self, net: nn.Module, *, binary: bool, frozen: bool, still: tuple[nn.Module, ...] = ()
    ) -> None:
        super().__init__()
        self.net = net
        self.binary = binary
        self.frozen = frozen
        names = {part: name for name, part in net.named_modules()}
        self._still = tuple(names[part] for part in still)
        if frozen:
            self.net.requires_grad_(False)
            self.head.requires_grad_(True)
        for part in still:
            part.requires_grad_(False)

    def forward(self, images: Tensor) -> Tensor:
        """The logits of a batch."""
        logits = cast("Tensor", self.net(images))
        return torch.cat([torch.zeros_like(logits), logits], dim=1) if self.binary else logits

    def features(self, images: Tensor) -> Tensor:
        """What the linear layer takes: (batch, width)."""
        net = cast("Any", self.net)
        return cast("Tensor", net.forward_head(net.forward_features(images), pre_logits=True))

    @property
    def head(self) -> nn.Module:
        """The classifier on the pooled features, a linear layer in almost all backbones.

        Raises:
            SpecError: the backbone has several, or none.
        """
        head = cast("Any", self.net).get_classifier()
        if not isinstance(head, nn.Module):
            raise SpecError(
                [SpecProblem("model.backbone", "must be a backbone with one classifier", type(head).__name__)]
            )
        return head

    @property
    def head_names(self) -> tuple[str, ...]:
        """How the names of the classifier's weights begin, within `net`."""
        return tuple(f"{name}." for name, part in self.net.named_modules() if part is self.head)

    def train(self, mode: bool = True) -> "Classifier":
        """What does not learn stays in evaluation mode: its running statistics must not move either."""
        super().train(mode)
        if self.frozen:
            self.net.eval()
            self.head.train(mode)
        for name in self._still:
            self.net.get_submodule(name).eval()
        return self


def timm_model(
    name: str, outputs: int, size: tuple[int, int], arguments: dict[str, Any], keys: Keys
) -> nn.Module:
    """timm's model of a name, for so many outputs and images of this height and width.

    Raises:
        SpecError: timm cannot build it; the message names the key and timm's reason.
    """
    if not timm.is_model(name):
        raise SpecError([SpecProblem(keys.backbone, f"timm {timm.__version__} has no such model", name)])
    published = timm.get_pretrained_cfg(name)
    sized = {"img_size": size} if published is not None and published.fixed_input_size else {}
    suspect: tuple[str, Any] = (keys.arguments, arguments)
    if not arguments:
        suspect = (keys.size, size[0]) if sized else (keys.backbone, name)
    try:
        return timm.create_model(name, num_classes=outputs, **(sized | arguments))
    except (TypeError, ValueError, AssertionError, RuntimeError, KeyError) as error:
        reason = str(error).split("\n", maxsplit=1)[0] or type(error).__name__
        key, value = suspect
        raise SpecError([SpecProblem(key, f"timm cannot build {name} with it: {reason}", value)]) from error
