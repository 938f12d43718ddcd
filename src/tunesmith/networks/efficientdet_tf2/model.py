"""EfficientDet: an EfficientNet, or any timm backbone, a bidirectional pyramid and two heads."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, cast

import torch
from torch import Tensor, nn

from tunesmith.networks.efficientdet_tf2.adapter import settings
from tunesmith.networks.efficientdet_tf2.anchors import anchors_of, decode, encode, per_place
from tunesmith.networks.efficientdet_tf2.losses import Losses
from tunesmith.networks.efficientdet_tf2.spec import EfficientDetSpec, Model
from tunesmith.networks.layers.bifpn import BiFpn, Head, Separable
from tunesmith.networks.layers.detector import Criterion, Detector, Predictions, Target
from tunesmith.networks.layers.pyramid import Pyramid, build_pyramid, freeze_norms
from tunesmith.specs import SpecError, SpecProblem

__all__ = ["build", "checkpoint_filter_fn", "criterion", "settings"]

_STAGES = (1, 2, 3)  # strides 8, 16 and 32
_FIRST_CHANCE = 0.01  # that a model which has learnt nothing gives each class
_INNER = "backbone.maps.net."


@dataclass(frozen=True)
class Size:
    """Backbone, channels of the pyramid, its cells, layers of each head."""

    backbone: str
    channels: int
    cells: int
    layers: int


_SIZES = {
    "efficientdet-d0": Size("tf_efficientnet_b0", 64, 3, 3),
    "efficientdet-d1": Size("tf_efficientnet_b1", 88, 4, 3),
    "efficientdet-d2": Size("tf_efficientnet_b2", 112, 5, 3),
    "efficientdet-d3": Size("tf_efficientnet_b3", 160, 6, 4),
    "efficientdet-d4": Size("tf_efficientnet_b4", 224, 7, 4),
    "efficientdet-d5": Size("tf_efficientnet_b5", 288, 7, 4),
}


class EfficientDet(Detector):
    """EfficientDet. Candidates are the anchors.

    Attributes:
        backbone: gives maps of the strides 8, 16 and 32.
        fpn: the pyramid.
        class_net: predicts the classes.
        box_net: predicts the boxes beside the anchors.
        anchors: (anchors, 4), of images of the model's size.
    """

    head_names = ("class_net.predict.",)
    anchors: Tensor

    def __init__(
        self, backbone: Pyramid, size: Size, anchors: Tensor, spec: EfficientDetSpec, classes: int
    ) -> None:
        super().__init__()
        places = per_place(spec.model)
        self.backbone = backbone
        self.fpn = BiFpn(backbone.channels, size.channels, size.cells)
        self.class_net = Head(size.channels, size.layers, places * classes)
        self.box_net = Head(size.channels, size.layers, places * 4)
        self.register_buffer("anchors", anchors, persistent=False)
        self._classes, self._still = classes, spec.model.freeze_bn
        self._frozen = [_block(backbone, index) for index in spec.model.freeze_blocks]
        self._losses = Losses(anchors, classes, spec.train)
        _begin(self)
        for part in self._frozen:
            part.requires_grad_(False)

    @property
    def output_layers(self) -> Sequence[nn.Module]:
        """The last layer of each head."""
        return self.class_net.predict.conv_pw, self.box_net.predict.conv_pw

    def forward(self, images: Tensor) -> Predictions:
        """Images (batch, 3, height, width) of the model's size to predictions for each anchor."""
        logits, codes = self._run(images)
        return Predictions(logits, decode(codes.float(), self.anchors))

    def losses(self, images: Tensor, targets: Sequence[Target]) -> dict[str, Tensor]:
        """The losses of classes and boxes."""
        return self._losses(*self._run(images), targets)

    def published_name(self, name: str) -> str:
        """The last layers are called class-predict and box-predict."""
        return name.replace("_net.predict.", "-predict.")

    def part(self, name: str) -> nn.Module:
        """The whole, or the backbone."""
        return self.backbone.maps.net if name == "backbone" else self

    def train(self, mode: bool = True) -> "EfficientDet":
        """What is frozen stays in evaluation mode: its statistics must not move either."""
        super().train(mode)
        if self._still:
            freeze_norms(self)
        for part in self._frozen:
            part.eval()
        return self

    def _run(self, images: Tensor) -> tuple[Tensor, Tensor]:
        maps = self.fpn(self.backbone(images))
        return _listed(self.class_net(maps), self._classes), _listed(self.box_net(maps), 4)


def build(
    spec: EfficientDetSpec,
    num_classes: int,
    *,
    pretrained: bool = False,  # noqa: ARG001 - trained weights change nothing of how it is built
    size: tuple[int, int] | None = None,
) -> EfficientDet:
    """The model with random weights.

    Args:
        spec: of the network.
        num_classes: the number of classes.
        pretrained: whether the backbone is to be filled with trained weights.
        size: height and width of the images in pixels; the spec's by default.

    Raises:
        SpecError: it cannot be built; the message names the key.
    """
    chosen = _size(spec.model)
    size = size or (spec.model.input_height, spec.model.input_width)
    backbone = build_pyramid(chosen.backbone, _STAGES, size, ("model.backbone", "model.backbone"))
    net: Any = backbone.maps.net
    for unused in ("conv_head", "bn2"):  # what EfficientNet classifies with
        if hasattr(net, unused) and hasattr(net, "blocks"):
            setattr(net, unused, nn.Identity())
    return EfficientDet(backbone, chosen, anchors_of(spec.model, size), spec, num_classes)


def criterion(spec: EfficientDetSpec, num_classes: int) -> Criterion:
    """The losses of predictions for images of the spec's size."""
    anchors = anchors_of(spec.model, (spec.model.input_height, spec.model.input_width))
    losses = Losses(anchors, num_classes, spec.train)

    def of(found: Predictions, targets: Sequence[Target]) -> Mapping[str, Tensor]:
        return losses(found.logits, encode(found.boxes, anchors.to(found.boxes.device)), targets)

    return of


def checkpoint_filter_fn(weights: Mapping[str, Tensor], model: EfficientDet) -> dict[str, Tensor]:  # noqa: ARG001
    """Published weights under this model's names: of an EfficientNet alone, or of a whole EfficientDet."""
    whole = any(name.startswith("backbone.") for name in weights)
    found: dict[str, Tensor] = {}
    for name, value in weights.items():
        if name.endswith(".edge_weights"):
            found |= {f"{name}.{place}": one for place, one in enumerate(value)}
        elif not whole or name.startswith("backbone."):
            found[_INNER + name.removeprefix("backbone.")] = value
        else:
            found[name] = value
    return found


def _size(model: Model) -> Size:
    usual = _SIZES[model.name]
    return Size(
        model.backbone or usual.backbone,
        model.fpn_num_filters or usual.channels,
        model.fpn_cell_repeats or usual.cells,
        model.box_class_repeats or usual.layers,
    )


def _block(backbone: Pyramid, index: int) -> nn.Module:
    blocks = getattr(backbone.maps.net, "blocks", None)
    count = len(blocks) if isinstance(blocks, nn.Sequential) else 0
    if not isinstance(blocks, nn.Sequential) or not 0 <= index < count:
        rule = f"must hold numbers from 0 to {count - 1}" if count else "must be empty for this backbone"
        raise SpecError([SpecProblem("model.freeze_blocks", rule, index)])
    return blocks[index]


def _listed(maps: Sequence[Tensor], columns: int) -> Tensor:
    """Predictions of all maps, (batch, anchors, columns)."""
    rows = [one.permute(0, 2, 3, 1).reshape(one.shape[0], -1, columns) for one in maps]
    return torch.cat(rows, dim=1)


def _begin(model: EfficientDet) -> None:
    """Random weights as EfficientDet begins with: few anchors answer for a box, so no class is likely."""
    for head in (model.class_net, model.box_net):
        for part in head.modules():
            if isinstance(part, Separable):
                for conv in (part.conv_dw, part.conv_pw):
                    nn.init.kaiming_normal_(cast("Tensor", conv.weight), nonlinearity="linear")
                nn.init.zeros_(cast("Tensor", part.conv_pw.bias))
    bias = cast("Tensor", model.class_net.predict.conv_pw.bias)
    nn.init.constant_(bias, -math.log((1 - _FIRST_CHANCE) / _FIRST_CHANCE))
