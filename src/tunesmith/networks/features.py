"""Feature maps of timm's models, for the networks that look at several of them."""

from collections.abc import Mapping
from functools import cache
from typing import Any, cast

import timm
import torch
from torch import Tensor, nn
from torch.nn.functional import interpolate

from tunesmith.specs import SpecError, SpecProblem

MAPS = 4
_STEP = 32  # sides that windows of every stage divide
# What timm's models raise where they cannot be built so.
_REFUSALS = (TypeError, ValueError, AssertionError, RuntimeError, KeyError, AttributeError, IndexError)


class FeatureMaps(nn.Module):
    """Four maps of a timm model: (batch, width, height, width) each.

    A pyramid gives its last four stages. A model of a single stride, such as ViT, gives the maps of four of
    its layers, evenly spread.

    Attributes:
        net: the timm model without its classifier.
        widths: channels of the maps.
        strides: pixels of the image between two of each map.
    """

    def __init__(self, net: nn.Module, size: tuple[int, int], *, rigid: bool = False) -> None:
        """Args:
        net: the timm model.
        size: height and width of the images that it was built for.
        rigid: it takes images of this size alone: others are scaled to it.
        """
        super().__init__()
        self.net = net
        facts = cast("list[dict[str, Any]]", cast("Any", net).feature_info)
        self.flat = len({fact["reduction"] for fact in facts}) == 1
        last = len(facts)
        chosen = [last * (place + 1) // MAPS - 1 for place in range(MAPS)]
        self._indices = chosen if self.flat else list(range(last - MAPS, last))
        self._size, self._rigid = size, rigid or self.flat
        self.widths = tuple(int(facts[index]["num_chs"]) for index in self._indices)
        self.strides = tuple(int(facts[index]["reduction"]) for index in self._indices)

    @property
    def architecture(self) -> str:
        """timm's name of the model."""
        return str(cast("Any", self.net).pretrained_cfg["architecture"])

    def forward(self, images: Tensor) -> list[Tensor]:
        """The maps of normalised images (batch, 3, height, width), the finest first."""
        if images.shape[-2:] != self._size and self._rigid:
            images = interpolate(images, self._size, mode="bilinear", align_corners=False)
        maps = cast("Any", self.net).forward_intermediates(
            images, indices=self._indices, norm=self.flat, output_fmt="NCHW", intermediates_only=True
        )
        return cast("list[Tensor]", maps)


def feature_maps(
    name: str,
    size: tuple[int, int],
    spec_path: str,
    *,
    given: tuple[int, int] | None = None,
    options: Mapping[str, Any] | None = None,
) -> FeatureMaps:
    """The feature maps of a timm model with random weights.

    Args:
        name: timm's.
        size: height and width of the images in pixels; a model whose patches or windows do not divide it
            takes images scaled up a little.
        spec_path: the key that named the model, for messages.
        given: the size of the images that it is to take, if that is another one: a model of a single stride
            scales them to its own size, to which its weights belong.
        options: further arguments of timm's.

    Raises:
        SpecError: timm has no such model, cannot build it for this size, or it has no four maps.
    """
    if not timm.is_model(name):
        raise _unfit(spec_path, f"timm {timm.__version__} has no such model", name)
    try:
        published = timm.get_pretrained_cfg(name)
        if published is None or not published.fixed_input_size:
            return FeatureMaps(timm.create_model(name, num_classes=0, **(options or {})), size)
        patch = _patch(name)
        size = size if patch > 1 else given or size
        step = patch if patch > 1 else _STEP
        whole = (-(-size[0] // step) * step, -(-size[1] // step) * step)
        net = timm.create_model(name, num_classes=0, img_size=whole, **(options or {}))
        return FeatureMaps(net, whole, rigid=True)
    except _REFUSALS as error:
        reason = str(error).split("\n", maxsplit=1)[0] or type(error).__name__
        rule = f"cannot give feature maps of {size[1]} x {size[0]} pixels: {reason}"
        raise _unfit(spec_path, rule, name) from error


@cache
def depth_of(name: str) -> int:
    """The number of layers of a vision transformer of timm's; 0 for other models, and names it has not."""
    if not timm.is_model(name) or _patch(name) == 1:
        return 0
    with torch.device("meta"):
        return len(getattr(timm.create_model(name, num_classes=0), "blocks", ()))


@cache
def _patch(name: str) -> int:
    """The side of the patches that a model of a single stride cuts images into; 1 for others."""
    with torch.device("meta"):  # costs neither memory nor random numbers
        net: Any = timm.create_model(name, num_classes=0)
    strides = {int(fact["reduction"]) for fact in net.feature_info}
    return strides.pop() if len(strides) == 1 else 1


def _unfit(spec_path: str, rule: str, name: str) -> SpecError:
    return SpecError([SpecProblem(spec_path, rule, name)])
