"""Builds SegFormer: feature maps of a backbone, and the decoder that mixes them (Xie et al. 2021)."""

from collections.abc import Mapping, Sequence
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.functional import avg_pool2d, interpolate
from transformers.models.segformer.configuration_segformer import SegformerConfig
from transformers.models.segformer.modeling_segformer import SegformerModel

from tunesmith.networks.backbones import backbone_of
from tunesmith.networks.features import FeatureMaps, feature_maps
from tunesmith.networks.published import renamed
from tunesmith.networks.segformer.adapter import settings
from tunesmith.networks.segformer.backbones import MIX_TRANSFORMERS
from tunesmith.networks.segformer.spec import SegformerSpec
from tunesmith.specs import SpecError, SpecProblem

__all__ = ["build", "checkpoint_filter_fn", "settings"]

_HEAD = "model.decode_head"
_DROPOUT = 0.1


class MixTransformerMaps(nn.Module):
    """The four maps of SegFormer's own backbone.

    Attributes:
        net: transformers' model.
    """

    flat = False
    strides = (4, 8, 16, 32)

    def __init__(self, net: SegformerModel) -> None:
        super().__init__()
        self.net = net
        self.widths: tuple[int, ...] = tuple(net.config.hidden_sizes)

    def forward(self, images: Tensor) -> list[Tensor]:
        """The maps of normalised images (batch, 3, height, width), the finest first."""
        maps: list[Tensor] = []
        for stage in self.net.stages:
            maps.append(stage(maps[-1] if maps else images))
        return maps


class Projection(nn.Module):
    """Brings a map to the decoder's width."""

    def __init__(self, width: int, common: int) -> None:
        super().__init__()
        self.proj = nn.Linear(width, common)

    def forward(self, features: Tensor) -> Tensor:
        """(batch, width, height, width) to (batch, common, height, width)."""
        projected: Tensor = self.proj(features.permute(0, 2, 3, 1))
        return projected.permute(0, 3, 1, 2)


class DecodeHead(nn.Module):
    """Mixes feature maps of one width. Its weights have the names that transformers gives them."""

    def __init__(self, widths: Sequence[int], common: int, classes: int, *, align_corners: bool) -> None:
        super().__init__()
        self.linear_projections = nn.ModuleList(Projection(width, common) for width in widths)
        self.linear_fuse = nn.Conv2d(common * len(widths), common, 1, bias=False)
        self.batch_norm = nn.BatchNorm2d(common)
        self.dropout = nn.Dropout(_DROPOUT)
        self.classifier = nn.Conv2d(common, classes, 1)
        self.align_corners = align_corners

    def project(self, features: Sequence[Tensor]) -> list[Tensor]:
        """The maps, each brought to the common width."""
        return [layer(one) for layer, one in zip(self.linear_projections, features, strict=True)]

    def fuse(self, projected: Sequence[Tensor]) -> Tensor:
        """The logits (batch, classes, height, width) at the size of the first map."""
        size = projected[0].shape[-2:]
        enlarged = [
            projected[0],
            *(
                interpolate(one, size, mode="bilinear", align_corners=self.align_corners)
                for one in projected[1:]
            ),
        ]
        mixed = self.batch_norm(self.linear_fuse(torch.cat(enlarged[::-1], dim=1))).relu()
        logits: Tensor = self.classifier(self.dropout(mixed))
        return logits


class Segformer(nn.Module):
    """Normalised images (batch, 3, height, width) to logits (batch, classes, height / 4, width / 4).

    Attributes:
        maps: the backbone; its `net` is the library's model.
        decode_head: the decoder.
        width: of the maps that `branches` returns.
        levels: how many there are.
    """

    def __init__(
        self, maps: FeatureMaps | MixTransformerMaps, decode_head: DecodeHead, spec: SegformerSpec
    ) -> None:
        super().__init__()
        self.maps, self.decode_head = maps, decode_head
        backbone, head = spec.model.backbone, spec.model.decode_head
        self.frozen, self._halved = backbone.freeze_backbone, backbone.feat_downsample
        self._used, self._strides = tuple(head.in_index), tuple(head.feature_strides)
        self.width, self.levels = decode_head.linear_fuse.out_channels, len(self._used)
        if self.frozen:
            maps.requires_grad_(False)

    def forward(self, images: Tensor) -> Tensor:
        """The logits of a batch."""
        return self.decode_head.fuse(self.branches(images))

    def branches(self, images: Tensor) -> list[Tensor]:
        """What the decoder mixes: a map (batch, width, height, width) for each level, the finest first."""
        found = self.maps(images)
        if self.maps.flat:
            found = [self._at_stride(one, images, level) for level, one in enumerate(found)]
        if self._halved:
            found[-1] = avg_pool2d(found[-1], 2, ceil_mode=True)
        return self.decode_head.project([found[index] for index in self._used])

    def outputs(self, branches: Sequence[Tensor]) -> Tensor:
        """The logits of these branches."""
        return self.decode_head.fuse(branches)

    def part(self, name: str) -> nn.Module:
        """The whole, or the library's backbone."""
        return self.maps.net if name == "backbone" else self

    def output_layers(self) -> tuple[nn.Module, ...]:
        """The classifier of the pixels."""
        return (self.decode_head.classifier,)

    def train(self, mode: bool = True) -> "Segformer":
        """A frozen backbone stays in evaluation mode: its running statistics must not move either."""
        super().train(mode)
        if self.frozen:
            self.maps.eval()
        return self

    def _at_stride(self, features: Tensor, images: Tensor, level: int) -> Tensor:
        stride = self._strides[level]
        size = (-(-images.shape[-2] // stride), -(-images.shape[-1] // stride))
        if size == tuple(features.shape[-2:]):
            return features
        return interpolate(features, size, mode="bilinear", align_corners=self.decode_head.align_corners)


def build(spec: SegformerSpec, num_classes: int, *, size: tuple[int, int] | None = None) -> Segformer:
    """The model with random weights.

    Args:
        spec: of the network.
        num_classes: the number of classes.
        size: height and width of the images that it is to take, in pixels, if they are not the spec's square.

    Raises:
        SpecError: it cannot be built; the message names the key and the reason.
    """
    _check(spec)
    side = spec.dataset.segment.img_size
    maps = _maps(spec.model.backbone.type, (side, side), size)
    head = spec.model.decode_head
    widths = [maps.widths[index] for index in head.in_index]
    decoder = DecodeHead(
        widths, head.decoder_params["embed_dim"], num_classes, align_corners=head.align_corners
    )
    return Segformer(maps, decoder, spec)


def checkpoint_filter_fn(weights: Mapping[str, Tensor], model: Segformer) -> dict[str, Tensor]:
    """Published weights of the whole model under the names that they have here: what `fit` looks for."""
    head = {
        name.replace("linear_c.", "linear_projections."): value
        for name, value in weights.items()
        if name.startswith("decode_head.")
    }
    rest = {name: value for name, value in weights.items() if name not in head and "decode_head" not in name}
    if isinstance(model.maps, MixTransformerMaps):
        rest = renamed(model.maps.net, rest)
    return head | {f"maps.net.{name}": value for name, value in rest.items()}


def _maps(
    name: str, size: tuple[int, int], given: tuple[int, int] | None
) -> FeatureMaps | MixTransformerMaps:
    if published := MIX_TRANSFORMERS.get(name):
        config = SegformerConfig(depths=published.depths, hidden_sizes=published.widths)
        return MixTransformerMaps(SegformerModel(config))
    return feature_maps(backbone_of(name).timm_name, size, "model.backbone.type", given=given)


def _check(spec: SegformerSpec) -> None:
    head = spec.model.decode_head
    problems = [
        SpecProblem(f"{_HEAD}.{key}", rule, value)
        for key, value, rule, right in (
            (
                "in_index",
                head.in_index,
                "must hold some of 0 to 3, each once",
                _are_places(head.in_index),
            ),
            (
                "feature_strides",
                head.feature_strides,
                "must hold four whole numbers of at least 1",
                len(head.feature_strides) == 4 and min(head.feature_strides) >= 1,
            ),
            (
                "decoder_params",
                head.decoder_params,
                'must be {"embed_dim": a whole number of at least 1}',
                _is_width(head.decoder_params),
            ),
        )
        if not right
    ]
    if problems:
        raise SpecError(problems)


def _are_places(given: Sequence[int]) -> bool:
    return bool(given) and set(given) <= {0, 1, 2, 3} and len(set(given)) == len(given)


def _is_width(given: Mapping[str, Any]) -> bool:
    width = given.get("embed_dim")
    return given.keys() == {"embed_dim"} and type(width) is int and width >= 1
