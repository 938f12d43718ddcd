"""The names of image backbones: those of the API, those of timm, and which of timm's stands for which.

timm itself needs torch, so its catalogue is kept here as data; a test holds it against the installed timm.
"""

from dataclasses import dataclass
from functools import cache
from importlib.resources import files

TIMM_PREFIX = "timm/"
"""Takes a name that is newer than the list below."""


@cache
def timm_names() -> frozenset[str]:
    """Every model name that timm can build."""
    listed = files("tunesmith.networks").joinpath("timm_models.txt").read_text(encoding="utf-8")
    return frozenset(listed.split())


@dataclass(frozen=True)
class Backbone:
    """A timm model. `difference` says how it differs from the published one; empty if it does not."""

    timm_name: str
    difference: str = ""


_FAN = "timm has no FAN; this is XCiT, from whose design FAN comes"
_SWIGLU = "its feed-forward layers use GELU instead of SwiGLU"
_CLIPA = "it is CLIP's vision transformer, which pools by a class token"
_RADIO = "it is the vision transformer of C-RADIO v3"
_DINO = "it is Meta's DINOv2 of this size, not NVIDIA's"
_NVCLIP = "it is an open CLIP vision transformer of this size, not NVIDIA's"
_EFFICIENTVIT = "it is the smallest large EfficientViT that timm has"
_LARGEST_GCVIT = "it is the largest GC ViT that timm has"

_PUBLISHED = {
    "fan_tiny_8_p4_hybrid": Backbone("xcit_tiny_12_p16_224", _FAN),
    "fan_small_12_p4_hybrid": Backbone("xcit_small_12_p16_224", _FAN),
    "fan_base_16_p4_hybrid": Backbone("xcit_small_24_p16_224", _FAN),
    "fan_large_16_p4_hybrid": Backbone("xcit_medium_24_p16_224", _FAN),
    "fan_Xlarge_16_p4_hybrid": Backbone("xcit_large_24_p16_224", _FAN),
    "fan_base_18_p16_224": Backbone("xcit_small_24_p16_224", _FAN),
    "fan_tiny_12_p16_224": Backbone("xcit_tiny_12_p16_224", _FAN),
    "fan_small_12_p16_224_se_attn": Backbone("xcit_small_12_p16_224", _FAN),
    "fan_small_12_p16_224": Backbone("xcit_small_12_p16_224", _FAN),
    "fan_large_24_p16_224": Backbone("xcit_medium_24_p16_224", _FAN),
    "vit_large_patch14_dinov2_swiglu": Backbone("vit_large_patch14_dinov2", _SWIGLU),
    "vit_giant_patch14_reg4_dinov2_swiglu": Backbone("vit_giant_patch14_reg4_dinov2"),
    "ViT-H-14-SigLIP-CLIPA-224": Backbone("vit_huge_patch14_clip_224", _CLIPA),
    "ViT-L-14-SigLIP-CLIPA-336": Backbone("vit_large_patch14_clip_336", _CLIPA),
    "ViT-L-14-SigLIP-CLIPA-224": Backbone("vit_large_patch14_clip_224", _CLIPA),
    "c_radio_p1_vit_huge_patch16_mlpnorm": Backbone("vit_huge_patch16_radio_v3", _RADIO),
    "c_radio_p2_vit_huge_patch16_mlpnorm": Backbone("vit_huge_patch16_radio_v3", _RADIO),
    "c_radio_p3_vit_huge_patch16_mlpnorm": Backbone("vit_huge_patch16_radio_v3", _RADIO),
    "c_radio_v2_vit_base_patch16": Backbone("vit_base_patch16_radio_v3", _RADIO),
    "c_radio_v2_vit_large_patch16": Backbone("vit_large_patch16_radio_v3", _RADIO),
    "c_radio_v2_vit_huge_patch16": Backbone("vit_huge_patch16_radio_v3", _RADIO),
    "vit_large_nvdinov2": Backbone("vit_large_patch14_dinov2", _DINO),
    "vit_giant_nvdinov2": Backbone("vit_giant_patch14_reg4_dinov2", _DINO),
    "vit_base_nvclip_16_siglip": Backbone("vit_base_patch16_siglip_224", _NVCLIP),
    "vit_huge_nvclip_14_siglip": Backbone("vit_huge_patch14_clip_224", _NVCLIP),
    "fan_tiny": Backbone("xcit_tiny_12_p16_224", _FAN),
    "fan_small": Backbone("xcit_small_12_p16_224", _FAN),
    "fan_base": Backbone("xcit_small_24_p16_224", _FAN),
    "fan_large": Backbone("xcit_medium_24_p16_224", _FAN),
    "resnet_18": Backbone("resnet18"),
    "resnet_34": Backbone("resnet34"),
    "resnet_50": Backbone("resnet50"),
    "resnet_101": Backbone("resnet101"),
    "efficientvit_l0": Backbone("efficientvit_l1", _EFFICIENTVIT),
    "swin_tiny_224_1k": Backbone("swin_tiny_patch4_window7_224"),
    "swin_base_224_22k": Backbone("swin_base_patch4_window7_224"),
    "swin_base_384_22k": Backbone("swin_base_patch4_window12_384"),
    "swin_large_224_22k": Backbone("swin_large_patch4_window7_224"),
    "swin_large_384_22k": Backbone("swin_large_patch4_window12_384"),
    "vit_large_dinov2": Backbone("vit_large_patch14_dinov2"),
    "radio_v2-b": Backbone("vit_base_patch16_radio_v3", _RADIO),
    "radio_v2-l": Backbone("vit_large_patch16_radio_v3", _RADIO),
    "radio_v2-h": Backbone("vit_huge_patch16_radio_v3", _RADIO),
    "gc_vit_xxtiny": Backbone("gcvit_xxtiny"),
    "gc_vit_xtiny": Backbone("gcvit_xtiny"),
    "gc_vit_tiny": Backbone("gcvit_tiny"),
    "gc_vit_small": Backbone("gcvit_small"),
    "gc_vit_base": Backbone("gcvit_base"),
    "gc_vit_large": Backbone("gcvit_base", _LARGEST_GCVIT),
    "gc_vit_large_384": Backbone("gcvit_base", _LARGEST_GCVIT),
}


def backbone_of(name: str) -> Backbone:
    """The timm model for a backbone name of the spec; any other name is timm's own."""
    return _PUBLISHED.get(name) or Backbone(name.removeprefix(TIMM_PREFIX))
