"""Backbones that give a feature map for each of several strides."""

import math
from collections.abc import Sequence
from typing import Any

import timm
import torch
from torch import Tensor, nn
from torch.nn.functional import interpolate

from tunesmith.networks.backbones import backbone_of
from tunesmith.specs import SpecError, SpecProblem

_FIRST_STRIDE = 4  # of stage 0: a stage halves the map of the one before


class Pyramid(nn.Module):
    """A timm model as stages: stage i has the stride 4 * 2^i.

    Vision transformers keep one stride throughout: their last map is scaled to each stage's (ViTDet,
    Li et al. 2022).

    Attributes:
        net: the timm model.
        channels: of each map.
        strides: of each map.
    """

    def __init__(self, net: nn.Module, channels: Sequence[int], strides: Sequence[int], taken: Sequence[int]):
        super().__init__()
        self.net = net
        self.channels, self.strides = tuple(channels), tuple(strides)
        self._taken = tuple(taken)

    def forward(self, images: Tensor) -> list[Tensor]:
        """Images (batch, 3, height, width) to the maps, (batch, channels, height / stride, width / stride)."""
        maps = self.net(images)
        height, width = images.shape[-2:]
        found = []
        for stage, stride in zip(self._taken, self.strides, strict=True):
            size = (math.ceil(height / stride), math.ceil(width / stride))
            one = maps[stage]
            if one.shape[-2:] != size:
                one = interpolate(one, size, mode="bilinear", align_corners=False)
            found.append(one)
        return found


def build_pyramid(
    name: str, stages: Sequence[int], size: tuple[int, int], keys: tuple[str, str]
) -> Pyramid:
    """The backbone with random weights.

    Args:
        name: of the spec.
        stages: which stages to give, from 0 to 3.
        size: height and width of the images in pixels, for backbones that must know it.
        keys: the spec's keys of the name and of the stages, for messages.

    Raises:
        SpecError: timm has no such model, or it cannot give these stages.
    """
    timm_name = backbone_of(name).timm_name
    if not timm.is_model(timm_name):
        raise SpecError([SpecProblem(keys[0], f"timm {timm.__version__} has no such model", timm_name)])
    if not stages or sorted(set(stages)) != list(stages) or not 0 <= stages[0] <= stages[-1] <= 3:
        rule = "must hold rising numbers of stages from 0 to 3"
        raise SpecError([SpecProblem(keys[1], rule, list(stages))])
    published = timm.get_pretrained_cfg(timm_name)
    sized = {"img_size": size} if published is not None and published.fixed_input_size else {}
    strides = [_FIRST_STRIDE << stage for stage in stages]
    with torch.device("meta"):
        own: list[int] = list(_features(timm_name, sized, keys[0]).feature_info.reduction())
    taken = [own.index(stride) if stride in own else len(own) - 1 for stride in strides]
    if len(set(own)) > 1 and len(set(taken)) < len(taken):
        rule = f"must name stages that the backbone has: its strides are {own}, stage 0 is 4"
        raise SpecError([SpecProblem(keys[1], rule, list(stages))])
    given = sorted(set(taken))
    net = _features(timm_name, sized | {"out_indices": given}, keys[0])
    places = [given.index(one) for one in taken]
    channels = net.feature_info.channels()
    return Pyramid(net, [channels[place] for place in places], strides, places)


def _features(name: str, sized: dict[str, Any], key: str) -> Any:
    try:
        return timm.create_model(name, features_only=True, **sized)
    except (RuntimeError, AttributeError, TypeError, ValueError, AssertionError, KeyError) as error:
        reason = str(error).split("\n", maxsplit=1)[0] or type(error).__name__
        rule = f"must be a backbone whose features timm can give by stage; it says: {reason}"
        raise SpecError([SpecProblem(key, rule, name)]) from error


def freeze_norms(module: nn.Module) -> None:
    """Batch normalisation keeps the statistics, scales and shifts that it has."""
    for part in module.modules():
        if isinstance(part, nn.modules.batchnorm._BatchNorm):  # noqa: SLF001 - what all kinds have in common
            part.eval()
            part.requires_grad_(False)
