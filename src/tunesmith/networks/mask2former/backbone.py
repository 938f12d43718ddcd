"""The backbones of Mask2Former: Swin Transformers as published, and any of timm's."""

from collections.abc import Callable
from dataclasses import dataclass
from types import SimpleNamespace
from typing import Any, cast

from torch import Tensor, nn
from transformers import SwinConfig
from transformers.models.swin.modeling_swin import SwinAttention, SwinBackbone, SwinLayer

from tunesmith.networks.layers.checkpointing import checkpoint_layers
from tunesmith.networks.layers.pyramid import build_pyramid
from tunesmith.networks.mask2former.adapter import backbone_name
from tunesmith.networks.mask2former.sections import MAPS, Model, Swin
from tunesmith.networks.mask2former.spec import Mask2FormerSpec
from tunesmith.specs import SpecError, SpecProblem

_HEAD = "model.sem_seg_head"
_SWIN = "model.backbone.swin"
_LEVELS = 3  # maps that the transformer of the pixel decoder sees
_FIRST_STRIDE = 4

_SIZES: dict[str, dict[str, Any]] = {
    "tiny": {},
    "small": {"depths": [2, 2, 18, 2]},
    "base": {"embed_dim": 128, "depths": [2, 2, 18, 2], "num_heads": [4, 8, 16, 32], "window_size": 12},
    "large": {"embed_dim": 192, "depths": [2, 2, 18, 2], "num_heads": [6, 12, 24, 48], "window_size": 12},
}
"""The published sizes of Swin Transformers, as they differ from the first."""

# transformers declares its configurations in a way that type checkers do not follow.
_configuration = cast("Callable[..., Any]", SwinConfig)


@dataclass(frozen=True)
class Levels:
    """Which maps of the backbone are used, the finest first, and their strides.

    The last three go through the transformer of the pixel decoder.
    """

    stages: tuple[int, ...]
    strides: tuple[int, ...]


class SwinMaps(SwinBackbone):  # type: ignore[no-untyped-call]
    """A Swin Transformer whose position embedding, if it has one, fits images of any size."""

    def forward(self, pixel_values: Tensor) -> Any:  # type: ignore[override]
        """The maps of normalised images (batch, 3, height, width)."""
        positions = self.config.use_absolute_embeddings
        return super().forward(pixel_values, interpolate_pos_encoding=positions)


class TimmMaps(nn.Module):
    """Gives transformers the maps of a timm model, in the shape it wants.

    Attributes:
        channels: of each map.
    """

    def __init__(self, pyramid: Any) -> None:
        super().__init__()
        self.pyramid = pyramid
        self.channels = list(pyramid.channels)
        for name, part in pyramid.maps.net.named_children():
            if name.startswith("head"):
                part.requires_grad_(False)  # its output is not among the maps

    def forward(self, images: Tensor) -> SimpleNamespace:
        """The maps of normalised images (batch, 3, height, width)."""
        return SimpleNamespace(feature_maps=self.pyramid(images))


def levels_of(model: Model) -> Levels:
    """The maps that the spec uses.

    Raises:
        SpecError: they do not go together; the message names the key.
    """
    head, given = model.sem_seg_head, _given(model)
    first = model.backbone.swin.patch_size if model.backbone.type == "swin" else _FIRST_STRIDE
    strides = {name: first << place for place, name in enumerate(MAPS)}
    seen = head.deformable_transformer_encoder_in_features
    if len(seen) != _LEVELS or seen != [name for name in given if name in seen]:
        rule = f"must hold three of {', '.join(given)}, the finest first"
        raise _unfit(f"{_HEAD}.deformable_transformer_encoder_in_features", rule, seen)
    finer = [name for name in given if head.common_stride <= strides[name] < strides[seen[0]]]
    used = [*finer, *seen]
    if strides[used[0]] != head.common_stride or len(finer) != MAPS.index(seen[0]) - MAPS.index(used[0]):
        known = [str(strides[name]) for name in given if strides[name] <= strides[seen[0]]]
        rule = f"must be the stride of a map, all maps between are given: {', '.join(known)}"
        raise _unfit(f"{_HEAD}.common_stride", rule, head.common_stride)
    return Levels(tuple(MAPS.index(name) for name in used), tuple(strides[name] for name in used))


def build_backbone(spec: Mask2FormerSpec, levels: Levels, size: tuple[int, int]) -> nn.Module:
    """The backbone with random weights.

    Args:
        spec: of the network.
        levels: the maps that are used.
        size: height and width of the images in pixels, for backbones that must know it.

    Raises:
        SpecError: it cannot be built; the message names the key.
    """
    given = spec.model.backbone
    if given.type == "swin":
        return _swin(given.swin, levels)
    keys = ("model.backbone.type", f"{_HEAD}.common_stride")
    pyramid = build_pyramid(backbone_name(spec), levels.stages, size, keys)
    if given.type == "efficientvit" and given.efficientvit.use_checkpoint:
        cast("Any", pyramid.maps.net).set_grad_checkpointing()
    return TimmMaps(pyramid)


def swin_configuration(swin: Swin, levels: Levels) -> Any:
    """transformers' configuration of a Swin Transformer.

    Raises:
        SpecError: the spec does not describe one.
    """
    if swin.type not in _SIZES:
        raise _unfit(f"{_SWIN}.type", f"must be one of {', '.join(_SIZES)}", swin.type)
    untouched, sized = Swin(), _SIZES[swin.type]
    shape = {
        name: sized[name] if name in sized and getattr(swin, name) == getattr(untouched, name) else value
        for name, value in swin
        if name in ("embed_dim", "depths", "num_heads", "window_size")
    }
    heads, width = shape["num_heads"], shape["embed_dim"]
    if not len(shape["depths"]) == len(heads) == len(MAPS):
        raise _unfit(f"{_SWIN}.depths", f"must hold {len(MAPS)} numbers, as num_heads does", shape["depths"])
    if any(one < 1 or (width << place) % one for place, one in enumerate(heads)):
        raise _unfit(f"{_SWIN}.num_heads", "must divide the widths of the stages", heads)
    return _configuration(
        image_size=swin.pretrain_img_size,
        patch_size=swin.patch_size,
        mlp_ratio=swin.mlp_ratio,
        qkv_bias=swin.qkv_bias,
        hidden_dropout_prob=swin.drop_rate,
        attention_probs_dropout_prob=swin.attn_drop_rate,
        drop_path_rate=swin.drop_path_rate,
        use_absolute_embeddings=swin.ape,
        out_features=[f"stage{stage + 1}" for stage in levels.stages],
        **shape,
    )


def _swin(swin: Swin, levels: Levels) -> nn.Module:
    net = SwinMaps(swin_configuration(swin, levels))
    net.swin.layernorm.requires_grad_(False)  # its output is not among the maps
    if not swin.patch_norm:
        net.swin.embeddings.norm = cast("Any", nn.Identity())
    parts = list(net.modules())
    if swin.qk_scale is not None:
        for part in parts:
            if isinstance(part, SwinAttention):
                part.scaling = swin.qk_scale
    if swin.use_checkpoint:
        checkpoint_layers(part for part in parts if isinstance(part, SwinLayer))
    return net


def _given(model: Model) -> list[str]:
    """The names of the maps that the backbone gives, the finest first."""
    backbone = model.backbone
    if backbone.type == "swin":
        return _chosen(backbone.swin.out_indices, backbone.swin.out_features, _SWIN)
    if backbone.type == "efficientvit":
        own = backbone.efficientvit
        return _chosen([0, *own.out_indices], own.out_features, "model.backbone.efficientvit")
    return list(MAPS)


def _chosen(indices: list[int], names: list[str], section: str) -> list[str]:
    if not set(indices) <= set(range(len(MAPS))):
        raise _unfit(f"{section}.out_indices", f"must hold numbers from 0 to {len(MAPS) - 1}", indices)
    if not set(names) <= set(MAPS):
        raise _unfit(f"{section}.out_features", f"must hold some of {', '.join(MAPS)}", names)
    return [name for place, name in enumerate(MAPS) if place in indices and name in names]


def _unfit(path: str, rule: str, value: Any) -> SpecError:
    return SpecError([SpecProblem(path, rule, value)])
