"""Backbones that give a feature map for each of several strides."""

import math
from collections.abc import Sequence

from torch import Tensor, nn
from torch.nn.functional import interpolate

from tunesmith.networks.backbones import backbone_of
from tunesmith.networks.features import MAPS, FeatureMaps, feature_maps
from tunesmith.specs import SpecError, SpecProblem

_DILATED = 16  # stride of the last stage, where it is to be that of the one before
_FIRST_STRIDE = 4  # of stage 0: a stage halves the map of the one before


class Pyramid(nn.Module):
    """Some stages of a timm model: stage i has the stride 4 * 2^i.

    Vision transformers keep one stride throughout: maps of their layers are scaled to each stage's.

    Attributes:
        maps: of the timm model.
        channels: of each map.
        strides: of each map.
        stages: which they are, from 0 on.
    """

    def __init__(self, maps: FeatureMaps, stages: Sequence[int]) -> None:
        super().__init__()
        self.maps = maps
        self.stages = tuple(stages)
        self.channels = tuple(maps.widths[stage] for stage in stages)
        own = [_FIRST_STRIDE << stage for stage in range(MAPS)] if maps.flat else maps.strides
        self.strides = tuple(own[stage] for stage in stages)

    def forward(self, images: Tensor) -> list[Tensor]:
        """Images (batch, 3, height, width) to maps (batch, channels, height / stride, width / stride)."""
        maps = self.maps(images)
        chosen = zip(self.stages, self.strides, strict=True)
        return [_sized(maps[stage], images, stride) for stage, stride in chosen]


def build_pyramid(
    name: str,
    stages: Sequence[int],
    size: tuple[int, int],
    keys: tuple[str, str],
    *,
    dilated: bool = False,
) -> Pyramid:
    """The backbone with random weights.

    Args:
        name: of the spec.
        stages: which stages to give, from 0 to 3.
        size: height and width of the images in pixels, for backbones that must know it.
        keys: the spec's keys of the name and of the stages, for messages.
        dilated: the last stage keeps the stride of the one before.

    Raises:
        SpecError: timm has no such model, or it cannot give these stages.
    """
    require_stages(stages, keys[1])
    options = {"output_stride": _DILATED} if dilated else {}
    return Pyramid(feature_maps(backbone_of(name).timm_name, size, keys[0], options=options), stages)


def require_stages(stages: Sequence[int], key: str) -> None:
    """Refuse what are no stages of a backbone.

    Raises:
        SpecError: with the key.
    """
    if not stages or sorted(set(stages)) != list(stages) or not 0 <= stages[0] <= stages[-1] < MAPS:
        rule = f"must hold rising numbers of stages from 0 to {MAPS - 1}"
        raise SpecError([SpecProblem(key, rule, list(stages))])


def freeze_norms(module: nn.Module) -> None:
    """Batch normalisation keeps the statistics, scales and shifts that it has."""
    for part in module.modules():
        if isinstance(part, nn.modules.batchnorm._BatchNorm):  # noqa: SLF001 - what all kinds have in common
            part.eval()
            part.requires_grad_(False)


def _sized(found: Tensor, images: Tensor, stride: int) -> Tensor:
    size = tuple(math.ceil(side / stride) for side in images.shape[-2:])
    if found.shape[-2:] == size:
        return found
    return interpolate(found, size, mode="bilinear", align_corners=False)
