"""The backbones of RT-DETR: ResNet-D as published, and any of timm's."""

from collections.abc import Callable, Sequence
from typing import cast

from torch import Tensor, nn
from transformers import RTDetrResNetConfig
from transformers.models.rt_detr.modeling_rt_detr_resnet import RTDetrResNetBackbone

from tunesmith.networks.layers.pyramid import Pyramid, build_pyramid, freeze_norms, require_stages
from tunesmith.networks.rtdetr.spec import Model

_RESNETS: dict[str, tuple[str, list[int], list[int]]] = {
    "resnet_18": ("basic", [2, 2, 2, 2], [64, 128, 256, 512]),
    "resnet_34": ("basic", [3, 4, 6, 3], [64, 128, 256, 512]),
    "resnet_50": ("bottleneck", [3, 4, 6, 3], [256, 512, 1024, 2048]),
    "resnet_101": ("bottleneck", [3, 4, 23, 3], [256, 512, 1024, 2048]),
}
"""ResNet-D, the backbones that RT-DETR is published with: kind of layer, depths, widths."""

Maps = list[tuple[Tensor, Tensor | None]]


# transformers declares its configurations in a way that type checkers do not follow.
_configuration = cast("Callable[..., RTDetrResNetConfig]", RTDetrResNetConfig)


class Backbone(nn.Module):
    """Gives transformers the maps of a backbone, in the shape it wants.

    Attributes:
        model: the backbone.
        configuration: transformers', of a backbone of its own.
        frozen: it does not learn. Its batch normalisation may be frozen alone.
    """

    def __init__(
        self,
        model: nn.Module,
        channels: Sequence[int],
        strides: Sequence[int],
        configuration: RTDetrResNetConfig | None = None,
    ) -> None:
        super().__init__()
        self.configuration = configuration
        self.model = model
        self.channels, self.strides = tuple(channels), tuple(strides)
        self.frozen = self.frozen_norms = False

    @property
    def inner(self) -> nn.Module:
        """What published weights of the backbone are for."""
        return self.model.maps.net if isinstance(self.model, Pyramid) else self.model

    def forward(self, images: Tensor, mask: Tensor | None = None) -> Maps:  # noqa: ARG002 - nothing is padded
        """The maps, without masks."""
        maps = self.model(images)
        return [(one, None) for one in getattr(maps, "feature_maps", maps)]

    def train(self, mode: bool = True) -> "Backbone":
        """What is frozen stays in evaluation mode: its statistics must not move either."""
        super().train(mode)
        if self.frozen:
            self.model.eval()
            self.requires_grad_(False)
        elif self.frozen_norms:
            freeze_norms(self.model)
        return self


def build_backbone(model: Model, size: tuple[int, int]) -> Backbone:
    """The backbone of the spec, with random weights.

    Args:
        model: the section of the spec.
        size: height and width of the images in pixels.

    Raises:
        SpecError: it cannot be built; the message names the key.
    """
    stages = model.return_interm_indices
    if model.backbone not in _RESNETS:
        keys = ("model.backbone", "model.return_interm_indices")
        pyramid = build_pyramid(model.backbone, stages, size, keys)
        return Backbone(pyramid, pyramid.channels, pyramid.strides)
    require_stages(stages, "model.return_interm_indices")
    kind, depths, widths = _RESNETS[model.backbone]
    config = _configuration(
        layer_type=kind,
        depths=depths,
        hidden_sizes=widths,
        out_features=[f"stage{stage + 1}" for stage in stages],
        downsample_in_bottleneck=False,
    )
    net = cast("nn.Module", RTDetrResNetBackbone(config))
    channels, strides = [widths[stage] for stage in stages], [4 << stage for stage in stages]
    return Backbone(net, channels, strides, config)
