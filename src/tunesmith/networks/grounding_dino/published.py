"""Published weights of Grounding DINO, as transformers has them, under the names that they have here."""

import re
from collections.abc import Mapping
from copy import deepcopy
from typing import Any

import torch
from torch import Tensor
from transformers import GroundingDinoConfig, GroundingDinoForObjectDetection, SwinConfig

from tunesmith.networks.published import renamed

_BACKBONE = "model.backbone.conv_encoder.model."
_PROJECTIONS = "input_proj_vision."
_NAMES = (
    (r"^model\.", ""),
    (r"^text_backbone\.", "bert."),
    (r"^decoder\.reference_points_head\.", "decoder.ref_point_head."),
    (r"^bbox_embed\.0\.", "bbox_embed."),
    (r"^(enc_output|encoder_output_bbox_embed|query_position_embeddings|reference_points)", r"begin.\1"),
)
_TABLE = ".attn.relative_position_bias_table"
# transformers' Swin, as its releases name it, in timm's terms.
_SWIN = (
    (r"^(swin\.)?embeddings\.patch_embeddings\.projection\.", "patch_embed.proj."),
    (r"^(swin\.)?embeddings\.norm\.", "patch_embed.norm."),
    (r"^(swin\.)?encoder\.layers\.", "layers."),
    (r"\.layernorm_before\.", ".norm1."),
    (r"\.layernorm_after\.", ".norm2."),
    (r"\.attention\.(output\.dense|o_proj)\.", ".attn.proj."),
    (r"\.attention\.(self|relative_position_bias)\.relative_position_bias_table$", _TABLE),
    (r"\.intermediate\.dense\.", ".mlp.fc1."),
    (r"(\.blocks\.\d+)\.output\.dense\.", r"\1.mlp.fc2."),
)
_PARTS = ("q", "k", "v")
_ATTENTION = re.compile(r"(.*)\.attention\.(?:self\.)?([qkv])(?:uery|ey|alue|_proj)\.(weight|bias)$")
_MERGING = re.compile(r"^layers\.(\d+)\.downsample\.(.*)$")
_MAP_NORM = re.compile(r"^hidden_states_norms\.stage(\d+)\.(weight|bias)$")


def own_names(weights: Mapping[str, Tensor], config: GroundingDinoConfig) -> dict[str, Tensor]:
    """The weights of transformers' Grounding DINO under this model's names."""
    outside = deepcopy(config)
    outside.backbone_config = _placeholder()
    shell = GroundingDinoForObjectDetection(outside)
    backbone = {
        name.removeprefix(_BACKBONE): value for name, value in weights.items() if name.startswith(_BACKBONE)
    }
    others = {name: value for name, value in weights.items() if not name.startswith(_BACKBONE)}
    # The projections belong to maps of the real backbone.
    converted = renamed(shell, others) | {name: one for name, one in others.items() if _PROJECTIONS in name}
    found = {
        _renamed(name, _NAMES): value for name, value in converted.items() if not name.startswith(_BACKBONE)
    }
    return found | _as_timms(backbone)


def _placeholder() -> Any:
    """A small backbone for transformers to build, which is not used."""
    return SwinConfig(embed_dim=8, depths=[1], num_heads=[1], out_indices=[1])  # type: ignore[call-arg]


def _as_timms(weights: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """The weights of transformers' Swin as timm's, where a stage begins with what ended the one before."""
    found: dict[str, Tensor] = {}
    attention: dict[str, dict[str, Tensor]] = {}
    for name, value in weights.items():
        if match := _ATTENTION.match(name):
            whole = _renamed(f"{match[1]}.attn.qkv.{match[3]}", _SWIN)
            attention.setdefault(whole, {})[match[2]] = value
        elif match := _MAP_NORM.match(name):
            found[f"backbone_norms.{int(match[1]) - 1}.{match[2]}"] = value
        elif match := _MERGING.match(own := _renamed(name, _SWIN)):
            found[f"backbone.maps.net.layers.{int(match[1]) + 1}.downsample.{match[2]}"] = value
        else:
            found[f"backbone.maps.net.{own}"] = value
    for name, parts in attention.items():
        if len(parts) == len(_PARTS):
            found[f"backbone.maps.net.{name}"] = torch.cat([parts[part] for part in _PARTS])
    return found


def _renamed(name: str, rules: tuple[tuple[str, str], ...]) -> str:
    for pattern, new in rules:
        name = re.sub(pattern, new, name)
    return name
