"""timm's models as encoders that see a part of an image alone.

ViT and Hiera compute what is visible and nothing else. ConvNeXt computes whole maps and blanks what is hidden
after each block, in the place of FCMAE's sparse convolutions (Woo et al. 2023): the same pixels are seen,
and its response normalisation counts blanked places too.
"""

from abc import ABC, abstractmethod
from typing import Any, cast

import torch
from timm.models.convnext import ConvNeXt
from timm.models.hiera import Hiera
from timm.models.vision_transformer import VisionTransformer
from torch import Tensor, nn

from tunesmith.networks.classifier import Keys, timm_model
from tunesmith.specs import SpecError, SpecProblem

TIMM_NAMES = {
    "vit_base_patch16": "vit_base_patch16_224",
    "vit_large_patch16": "vit_large_patch16_224",
    "vit_huge_patch14": "vit_huge_patch14_224",
}
"""What timm calls the published names; the others are its own."""

_KEYS = Keys("model.arch", "model.arch", "dataset.augmentation.input_size")


class Encoder(ABC):
    """How a timm model looks at parts of images.

    Attributes:
        net: the timm model.
        side: of the squares that are hidden or not, in pixels.
        width: of the features of each.
        convolves: whether a decoder of its kind convolves.
    """

    convolves = False

    def __init__(self, net: nn.Module, side: int) -> None:
        self.net = cast("Any", net)
        self.side = side
        self.width = int(self.net.num_features)

    @abstractmethod
    def visible(self, images: Tensor, kept: Tensor) -> Tensor:
        """The features of the squares that are kept, (batch, kept, width), of images of which only they are
        seen; `kept` (batch, kept) counts squares row by row and rises in each row."""


class ViTEncoder(Encoder):
    """A ViT: its class token sees what is visible too."""

    def __init__(self, net: nn.Module) -> None:
        super().__init__(net, cast("Any", net).patch_embed.patch_size[0])

    def visible(self, images: Tensor, kept: Tensor) -> Tensor:
        """See the base."""
        net, front = self.net, self.net.num_prefix_tokens
        places = net.pos_embed if net.no_embed_class else net.pos_embed[:, front:]
        tokens = chosen(net.patch_embed(images) + places, kept)
        before = [one for one in (net.cls_token, net.reg_token) if one is not None]
        if before:
            prefix = torch.cat(before, dim=1)
            prefix = prefix if net.no_embed_class else prefix + net.pos_embed[:, :front]
            tokens = torch.cat([prefix.expand(images.shape[0], -1, -1).to(tokens.dtype), tokens], dim=1)
        return cast("Tensor", net.norm(net.blocks(net.norm_pre(tokens))))[:, front:]


class HieraEncoder(Encoder):
    """Hiera: its mask units are hidden or not, and the maps of all stages are brought together."""

    def __init__(self, net: nn.Module) -> None:
        units = cast("Any", net)
        super().__init__(net, units.patch_stride[0] * units.mask_unit_size[0])

    @property
    def stages(self) -> list[int]:
        """The length of what each stage says of a mask unit."""
        facts, unit = self.net.feature_info, self.net.mask_unit_size[0]
        return [fact["num_chs"] * max(1, unit >> place) ** 2 for place, fact in enumerate(facts)]

    def visible(self, images: Tensor, kept: Tensor) -> Tensor:
        """See the base; of width sum(stages)."""
        net = self.net
        units = net.mask_spatial_shape[0] * net.mask_spatial_shape[1]
        seen = torch.zeros(kept.shape[0], units, dtype=torch.bool, device=kept.device).scatter(1, kept, True)
        tokens = net.patch_embed(images, mask=seen.view(-1, 1, *net.mask_spatial_shape))
        tokens = net.unroll(net._pos_embed(tokens))  # noqa: SLF001 - timm has no other way to its parts
        # The tokens of a unit lie `units` apart.
        steps = torch.arange(net.mu_size, device=kept.device)[None, :, None] * units
        tokens = chosen(tokens, (steps + kept[:, None]).flatten(1))
        found = []
        for place, block in enumerate(net.blocks):
            tokens = block(tokens)
            if place in net.stage_ends:
                found.append(net.reroll(tokens, place, mask=kept).flatten(2))
        return torch.cat(found, dim=-1)


class ConvNeXtEncoder(Encoder):
    """A ConvNeXt, with or without response normalisation."""

    convolves = True

    def __init__(self, net: nn.Module) -> None:
        super().__init__(net, int(cast("Any", net).feature_info[-1]["reduction"]))

    def visible(self, images: Tensor, kept: Tensor) -> Tensor:
        """See the base."""
        net, (height, width) = self.net, images.shape[-2:]
        rows, columns = height // self.side, width // self.side
        seen = torch.zeros(images.shape[0], rows * columns, device=images.device).scatter(1, kept, 1.0)
        seen = seen.view(-1, 1, rows, columns).to(images.dtype)
        maps = net.stem(images * _enlarged(seen, self.side))
        for stage, facts in zip(net.stages, net.feature_info, strict=True):
            blank = _enlarged(seen, self.side // facts["reduction"]).to(maps.dtype)
            maps = stage.downsample(maps if stage is not net.stages[0] else maps * blank) * blank
            for block in stage.blocks:
                maps = block(maps) * blank
        return chosen(net.norm_pre(maps).flatten(2).transpose(1, 2), kept)


def encoder_of(net: nn.Module, arch: str) -> Encoder:
    """The encoder of a timm model.

    Raises:
        SpecError: it is of a family that cannot leave parts of an image out.
    """
    match net:
        case VisionTransformer() if net.pos_embed is not None and net.patch_embed.flatten:
            return ViTEncoder(net)
        case Hiera():
            return HieraEncoder(net)
        case ConvNeXt():
            return ConvNeXtEncoder(net)
        case _:
            raise SpecError([SpecProblem("model.arch", "must be a ViT, a ConvNeXt or a Hiera of timm", arch)])


def build_net(arch: str, outputs: int, size: tuple[int, int], drop_path: float, *, mean: bool) -> nn.Module:
    """The timm model of an architecture.

    Args:
        arch: its name in the spec.
        outputs: classes; 0 for none.
        size: height and width of the images in pixels.
        drop_path: share of layers that are left out at random.
        mean: whether a ViT's features are the mean over the image, or else those of its class token.

    Raises:
        SpecError: timm cannot build it, or it is of another family.
    """
    name = TIMM_NAMES.get(arch, arch.removeprefix("timm/"))
    arguments: dict[str, Any] = {"drop_path_rate": drop_path}
    if name.startswith(("vit_", "deit", "test_vit")):
        # The same norm before and after the mean: weights go from pretraining to fine-tuning whole.
        arguments |= {"img_size": size, "global_pool": "avg" if mean else "token", "fc_norm": False}
        arguments["dynamic_img_size"] = False
    net = timm_model(name, outputs, size, arguments, _KEYS)
    side = encoder_of(net, arch).side
    if size[0] % side or size[1] % side:
        rule = f"must be a multiple of {side} pixels for {arch}"
        raise SpecError([SpecProblem("dataset.augmentation.input_size", rule, size[0])])
    return net


def chosen(tokens: Tensor, places: Tensor) -> Tensor:
    """Those of tokens (batch, n, width) at some places (batch, m)."""
    return tokens.gather(1, places[..., None].expand(-1, -1, tokens.shape[-1]))


def _enlarged(seen: Tensor, times: int) -> Tensor:
    return seen.repeat_interleave(times, dim=2).repeat_interleave(times, dim=3)
