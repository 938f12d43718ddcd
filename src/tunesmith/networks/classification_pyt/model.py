"""Builds the model of classification_pyt: a timm backbone with a linear classifier."""

from typing import Any, cast

import timm
import torch
from torch import Tensor, nn

from tunesmith.networks.backbones import backbone_of
from tunesmith.networks.classification_pyt.spec import ClassificationSpec
from tunesmith.specs import SpecError, SpecProblem

_TYPE = "model.backbone.type"
_ARGUMENTS = "model.head.custom_args"
_SIZE = "dataset.img_size"


class Classifier(nn.Module):
    """A backbone and a linear layer on its pooled features.

    Takes normalised images (batch, 3, height, width) and returns logits (batch, classes).

    Attributes:
        net: the timm model, classifier included.
        binary: one output tells two classes apart: the first class has a fixed logit of 0.
        frozen: the backbone does not learn.
    """

    def __init__(self, net: nn.Module, *, binary: bool, frozen: bool) -> None:
        super().__init__()
        self.net = net
        self.binary = binary
        self.frozen = frozen
        if frozen:
            self.net.requires_grad_(False)
            self.head.requires_grad_(True)

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
                [SpecProblem(_TYPE, "must be a backbone with one classifier", type(head).__name__)]
            )
        return head

    @property
    def head_names(self) -> tuple[str, ...]:
        """How the names of the classifier's weights begin, within `net`."""
        return tuple(f"{name}." for name, part in self.net.named_modules() if part is self.head)

    def train(self, mode: bool = True) -> "Classifier":
        """A frozen backbone stays in evaluation mode: its running statistics must not move either."""
        super().train(mode)
        if self.frozen:
            self.net.eval()
            self.head.train(mode)
        return self


def build(spec: ClassificationSpec, num_classes: int, *, size: tuple[int, int] | None = None) -> Classifier:
    """The model with random weights.

    Args:
        spec: of the network.
        num_classes: the number of classes.
        size: height and width of the images in pixels; the spec's square by default.

    Raises:
        SpecError: timm cannot build it; the message names the key and timm's reason.
    """
    head = spec.model.head
    if head.binary and num_classes != 2:
        raise SpecError([SpecProblem("model.head.binary", f"needs two classes, not {num_classes}", True)])
    backbone = spec.model.backbone
    net = _timm_model(
        backbone_of(backbone.type).timm_name,
        1 if head.binary else num_classes,
        size or (spec.dataset.img_size, spec.dataset.img_size),
        dict(head.custom_args or {}),
    )
    frozen = backbone.freeze_backbone or head.type == "LogisticRegressionHead"
    return Classifier(net, binary=head.binary, frozen=frozen)


def _timm_model(name: str, outputs: int, size: tuple[int, int], arguments: dict[str, Any]) -> nn.Module:
    if not timm.is_model(name):
        raise SpecError([SpecProblem(_TYPE, f"timm {timm.__version__} has no such model", name)])
    published = timm.get_pretrained_cfg(name)
    sized = {"img_size": size} if published is not None and published.fixed_input_size else {}
    suspect: tuple[str, Any] = (_ARGUMENTS, arguments)
    if not arguments:
        suspect = (_SIZE, size[0]) if sized else (_TYPE, name)
    try:
        return timm.create_model(name, num_classes=outputs, **(sized | arguments))
    except (TypeError, ValueError, AssertionError, RuntimeError, KeyError) as error:
        reason = str(error).split("\n", maxsplit=1)[0] or type(error).__name__
        key, value = suspect
        raise SpecError([SpecProblem(key, f"timm cannot build {name} with it: {reason}", value)]) from error
