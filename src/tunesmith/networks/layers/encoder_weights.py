"""Published weights of encoders, under the names that timm's models have for them."""

import re
from collections.abc import Iterator, Mapping

import torch
from timm.models import convnext, hiera, vision_transformer
from torch import Tensor, nn

_FILTERS = (vision_transformer, hiera, convnext)
_QKV = re.compile(r"(?:vit\.)?encoder\.layer\.(\d+)\.attention\.attention\.(query|key|value)\.(weight|bias)")
_LAYER = re.compile(r"(?:vit\.)?encoder\.layer\.(\d+)\.(.+)\.(weight|bias)")
_RENAMED = {
    "attention.output.dense": "attn.proj",
    "intermediate.dense": "mlp.fc1",
    "output.dense": "mlp.fc2",
    "layernorm_before": "norm1",
    "layernorm_after": "norm2",
}
_STEM = {
    "embeddings.cls_token": "cls_token",
    "embeddings.position_embeddings": "pos_embed",
    "embeddings.patch_embeddings.projection.weight": "patch_embed.proj.weight",
    "embeddings.patch_embeddings.projection.bias": "patch_embed.proj.bias",
    "layernorm.weight": "norm.weight",
    "layernorm.bias": "norm.bias",
}


def encoder_weights(weights: Mapping[str, Tensor], net: nn.Module) -> dict[str, Tensor]:
    """Weights of timm, or of transformers' ViT-MAE, as timm's model takes them."""
    found = dict(weights)
    if any("encoder.layer." in name for name in found):
        found = dict(_from_transformers(found))
    home = next(one for one in _FILTERS if one.__name__ == type(net).__module__)
    converted: dict[str, Tensor] = home.checkpoint_filter_fn(found, net)
    return converted


def _from_transformers(weights: Mapping[str, Tensor]) -> Iterator[tuple[str, Tensor]]:
    """ViT of transformers: its queries, keys and values are three layers, timm's one."""
    parts: dict[tuple[str, str], dict[str, Tensor]] = {}
    for name, value in weights.items():
        if found := _QKV.fullmatch(name):
            parts.setdefault((found[1], found[3]), {})[found[2]] = value
        elif (found := _LAYER.fullmatch(name)) and found[2] in _RENAMED:
            yield f"blocks.{found[1]}.{_RENAMED[found[2]]}.{found[3]}", value
        elif (stem := name.removeprefix("vit.")) in _STEM:
            yield _STEM[stem], value
    for (layer, kind), three in parts.items():
        if len(three) == 3:
            yield (
                f"blocks.{layer}.attn.qkv.{kind}",
                torch.cat([three[one] for one in ("query", "key", "value")]),
            )
