"""Builds the model of classification_tf2: an EfficientNet, or any timm backbone, with a linear classifier."""

from typing import Any

from torch import nn

from tunesmith.networks.backbones import TIMM_PREFIX
from tunesmith.networks.classification_tf2.spec import BACKBONES, ClassificationTf2Spec
from tunesmith.networks.classifier import Classifier, Keys, timm_model
from tunesmith.specs import SpecError, SpecProblem

_KEYS = Keys("model.backbone", "model.backbone", "model.input_height")


def timm_name(backbone: str) -> str:
    """The timm model for a backbone name of the spec: for EfficientNets, those with TensorFlow's padding."""
    if backbone in BACKBONES:
        return f"tf_{backbone.replace('-', '_')}"
    return backbone.removeprefix(TIMM_PREFIX)


def build(
    spec: ClassificationTf2Spec, num_classes: int, *, size: tuple[int, int] | None = None
) -> Classifier:
    """The model with random weights.

    Args:
        spec: of the network.
        num_classes: the number of classes.
        size: height and width of the images in pixels; the spec's by default.

    Raises:
        SpecError: timm cannot build it; the message names the key and timm's reason.
    """
    model = spec.model
    arguments: dict[str, Any] = {"drop_rate": model.dropout} if model.dropout else {}
    if model.input_channels != 3:
        arguments["in_chans"] = model.input_channels
    size = size or (model.input_height, model.input_width)
    net = timm_model(timm_name(model.backbone), num_classes, size, arguments, _KEYS)
    for layer in _norms(net):
        # TensorFlow's momentum is what is kept, torch's what is taken.
        layer.momentum, layer.eps = 1 - spec.train.bn_config.momentum, spec.train.bn_config.epsilon
    return Classifier(net, binary=False, frozen=False, still=tuple(_still(net, spec)))


def _norms(net: nn.Module) -> list[nn.BatchNorm2d]:
    return [layer for layer in net.modules() if isinstance(layer, nn.BatchNorm2d)]


def _still(net: nn.Module, spec: ClassificationTf2Spec) -> list[nn.Module]:
    """The parts that do not learn."""
    still: list[nn.Module] = [*_norms(net)] if spec.model.freeze_bn else []
    if not spec.model.freeze_blocks:
        return still
    blocks = getattr(net, "blocks", None)
    if not isinstance(blocks, nn.Sequential):
        rule = "must be empty for a backbone whose blocks have no numbers"
        raise SpecError([SpecProblem("model.freeze_blocks", rule, spec.model.freeze_blocks)])
    if wrong := [one for one in spec.model.freeze_blocks if not 0 <= one < len(blocks)]:
        rule = f"must hold numbers from 0 to {len(blocks) - 1}"
        raise SpecError([SpecProblem("model.freeze_blocks", rule, wrong)])
    return [*still, *(blocks[one] for one in spec.model.freeze_blocks)]
