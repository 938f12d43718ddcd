"""The backbones that SegFormer brings along, and those that timm has. Torch-free."""

from dataclasses import dataclass
from functools import cache

from tunesmith.networks.backbones import timm_names


@dataclass(frozen=True)
class MixTransformer:
    """SegFormer's own backbone (Xie et al. 2021, table 6)."""

    depths: tuple[int, int, int, int]
    widths: tuple[int, int, int, int] = (64, 128, 320, 512)


MIX_TRANSFORMERS = {
    "mit_b0": MixTransformer((2, 2, 2, 2), (32, 64, 160, 256)),
    "mit_b1": MixTransformer((2, 2, 2, 2)),
    "mit_b2": MixTransformer((3, 4, 6, 3)),
    "mit_b3": MixTransformer((3, 4, 18, 3)),
    "mit_b4": MixTransformer((3, 8, 27, 3)),
    "mit_b5": MixTransformer((3, 6, 40, 3)),
}


@cache
def own_names() -> frozenset[str]:
    """What a spec may name beside the published backbones."""
    return timm_names() | MIX_TRANSFORMERS.keys()
