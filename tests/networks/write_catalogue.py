"""Writes networks/catalogue.json from what the installed timm and torchvision state of their models.

Run it from the project's folder: python -m tests.networks.write_catalogue. A person reviews the difference.
"""

import json
from importlib.resources import files
from typing import Any

import timm
import torch
import torchvision
from tokenizers import Tokenizer
from tokenizers.models import WordPiece
from transformers import BertConfig

from tunesmith.networks.backbones import backbone_of
from tunesmith.networks.deformable_detr import model as deformable_detr
from tunesmith.networks.deformable_detr.spec import DeformableDetrSpec
from tunesmith.networks.dino import spec as dino
from tunesmith.networks.grounding_dino import model as grounding_dino
from tunesmith.networks.grounding_dino.spec import GroundingDinoSpec
from tunesmith.networks.grounding_dino.text import TextFiles
from tunesmith.networks.rtdetr import model as rtdetr
from tunesmith.networks.rtdetr.spec import RtdetrSpec
from tunesmith.specs import validate_spec
from tunesmith.specs.paths import with_values

BACKBONES: dict[str, tuple[str, str]] = {
    "test_resnet.r160_in1k": ("cnn", "resnet"),
    "resnet18.a1_in1k": ("cnn", "resnet"),
    "resnet18.tv_in1k": ("cnn", "resnet"),
    "resnet34.a1_in1k": ("cnn", "resnet"),
    "resnet50.a1_in1k": ("cnn", "resnet"),
    "resnet50.tv_in1k": ("cnn", "resnet"),
    "resnet101.a1h_in1k": ("cnn", "resnet"),
    "resnet152.tv2_in1k": ("cnn", "resnet"),
    "convnext_nano.in12k_ft_in1k": ("cnn", "convnext"),
    "convnext_tiny.in12k_ft_in1k": ("cnn", "convnext"),
    "convnext_small.in12k_ft_in1k": ("cnn", "convnext"),
    "convnext_base.fb_in22k_ft_in1k": ("cnn", "convnext"),
    "densenet121.ra_in1k": ("cnn", "densenet"),
    "efficientnet_b0.ra_in1k": ("cnn", "efficientnet"),
    "efficientnet_b3.ra2_in1k": ("cnn", "efficientnet"),
    "tf_efficientnetv2_s.in21k_ft_in1k": ("cnn", "efficientnet"),
    "mobilenetv3_large_100.ra_in1k": ("cnn", "unknown"),
    "mobilenetv4_conv_small.e2400_r224_in1k": ("cnn", "unknown"),
    "mobilenetv4_conv_medium.e500_r256_in1k": ("cnn", "unknown"),
    "regnety_016.tv2_in1k": ("cnn", "unknown"),
    "fastvit_t8.apple_in1k": ("unknown", "unknown"),
    "fastvit_sa12.apple_in1k": ("unknown", "unknown"),
    "efficientvit_b1.r224_in1k": ("unknown", "unknown"),
    "efficientvit_b2.r224_in1k": ("unknown", "unknown"),
    "swin_tiny_patch4_window7_224.ms_in22k_ft_in1k": ("transformer", "swin"),
    "swin_small_patch4_window7_224.ms_in22k_ft_in1k": ("transformer", "swin"),
    "swin_base_patch4_window7_224.ms_in22k_ft_in1k": ("transformer", "swin"),
    "vit_tiny_patch16_224.augreg_in21k_ft_in1k": ("transformer", "vit"),
    "vit_small_patch16_224.augreg_in21k_ft_in1k": ("transformer", "vit"),
    "vit_base_patch16_224.augreg2_in21k_ft_in1k": ("transformer", "vit"),
    "vit_small_patch14_dinov2.lvd142m": ("transformer", "vit"),
    "vit_base_patch14_dinov2.lvd142m": ("transformer", "vit"),
    "deit3_small_patch16_224.fb_in22k_ft_in1k": ("transformer", "vit"),
    "xcit_tiny_12_p16_224.fb_in1k": ("transformer", "unknown"),
    "xcit_small_12_p16_224.fb_in1k": ("transformer", "unknown"),
}
"""Backbones of general use, by their names in timm, with the type and the class that the API has for them."""

FAN = {
    "timm/pretrained_fan_classification_imagenet:fan_hybrid_tiny": (
        "fan_tiny_8_p4_hybrid",
        "xcit_tiny_12_p16_224.fb_in1k",
    ),
}
"""Published names whose backbone timm lacks: what the API calls the backbone, and the nearest weights."""

TORCHVISION = {
    "resnet18.tv_in1k": "ResNet18_Weights.IMAGENET1K_V1",
    "resnet50.tv_in1k": "ResNet50_Weights.IMAGENET1K_V1",
    "resnet152.tv2_in1k": "ResNet152_Weights.IMAGENET1K_V2",
    "regnety_016.tv2_in1k": "RegNet_Y_1_6GF_Weights.IMAGENET1K_V2",
}
"""The same weights in torchvision, which states their accuracy."""

RTDETR: dict[str, tuple[str, str, float]] = {
    "rtdetr_r18vd": ("resnet_18", "COCO", 46.5),
    "rtdetr_r18vd_coco_o365": ("resnet_18", "Objects365 and COCO", 49.2),
    "rtdetr_v2_r18vd": ("resnet_18", "COCO", 48.1),
    "rtdetr_r34vd": ("resnet_34", "COCO", 48.9),
    "rtdetr_v2_r34vd": ("resnet_34", "COCO", 49.9),
    "rtdetr_r50vd": ("resnet_50", "COCO", 53.1),
    "rtdetr_r50vd_coco_o365": ("resnet_50", "Objects365 and COCO", 55.3),
    "rtdetr_v2_r50vd": ("resnet_50", "COCO", 53.4),
    # Under the name that clients look for.
    "pretrained_rtdetr_nvimagenet": ("resnet_50", "COCO", 53.1),
}
"""Published RT-DETR by its repository on the hub: backbone, training data, AP on COCO val2017 in percent."""

RTDETR_SOURCE = "AP on COCO val2017, by the README of github.com/lyuwenyu/RT-DETR"

RTDETR_SHAPES: dict[str, dict[str, Any]] = {
    "resnet_18": {"model.dec_layers": 3, "model.expansion": 0.5},
    "resnet_34": {"model.dec_layers": 4, "model.expansion": 0.5},
    "resnet_50": {},
}
"""Where RT-DETR of a backbone differs from the spec's defaults."""

DEFORMABLE: dict[str, tuple[str, str, bool, float]] = {
    "SenseTime/deformable-detr:main": ("deformable-detr", "", False, 44.5),
    "SenseTime/deformable-detr-with-box-refine:main": (
        "deformable-detr-with-box-refine",
        "",
        True,
        46.2,
    ),
    "SenseTime/pretrained_deformable_detr_nvimagenet:resnet50": (
        "deformable-detr-with-box-refine",
        "pretrained_deformable_detr_nvimagenet:resnet50",
        True,
        46.2,
    ),
}
"""Published Deformable DETR: repository, name that clients look for, box refinement, AP on COCO (percent)."""

DEFORMABLE_SOURCE = "AP on COCO val2017, by the README of github.com/fundamentalvision/Deformable-DETR"

DINO = ("resnet34.a1_in1k", "resnet50.a1_in1k", "swin_tiny_patch4_window7_224.ms_in22k_ft_in1k")
"""Backbones of DINO; no library publishes whole detectors in a safe format."""

GROUNDING_DINO: dict[str, tuple[str, str, float]] = {
    "grounding-dino-tiny": ("swin_tiny_224_1k", "Objects365, GoldG and Cap4M", 48.4),
    "grounding-dino-base": (
        "swin_base_384_22k",
        "COCO, Objects365, GoldG, Cap4M, OpenImages, ODinW-35 and RefCOCO",
        56.7,
    ),
}
"""Published Grounding DINO by its repository on the hub: backbone, training data, AP on COCO in percent."""

GROUNDING_SOURCE = "AP on COCO val2017, by the README of github.com/IDEA-Research/GroundingDINO"

USUAL = {
    "dataset.img_size": 224,
    "dataset.augmentation.mean": [0.485, 0.456, 0.406],
    "dataset.augmentation.std": [0.229, 0.224, 0.225],
}


SEGFORMER = (
    "test_resnet.r160_in1k",
    "resnet18.a1_in1k",
    "resnet50.a1_in1k",
    "convnext_tiny.in12k_ft_in1k",
    "mobilenetv4_conv_small.e2400_r224_in1k",
    "efficientvit_b1.r224_in1k",
    "swin_tiny_patch4_window7_224.ms_in22k_ft_in1k",
    "vit_small_patch14_dinov2.lvd142m",
)
"""Backbones that suit dense predictions. SegFormer's own weights are not free for commercial use."""


_VIT = "vit_base_patch16_224.augreg2_in21k_ft_in1k"
ENCODERS = (
    ("mae", "timm/mae_vit_base_patch16_224:augreg2", "vit_base_patch16", _VIT),
    ("mal", "timm/mal_deit_tiny_patch16_224:fb_in1k", "vit-deit-tiny/16", "deit_tiny_patch16_224.fb_in1k"),
    ("mal", "timm/mal_deit_small_patch16_224:fb_in1k", "vit-deit-small/16", "deit_small_patch16_224.fb_in1k"),
    ("mal", "timm/mask_auto_label:trainable_v1.0", "vit-mae-base/16", _VIT),
)
"""Encoders of mae and mal: network, name, what the spec calls it, and timm's weights.

The weights of ViT-MAE, Hiera and ConvNeXt V2 that were learnt without labels are not free for commercial use.
"""


def entries() -> list[dict[str, Any]]:
    """The catalogue as the installed packages have it."""
    found = [_entry(name, *kind) for name, kind in BACKBONES.items()]
    found += [_fan_entry(path, *facts) for path, facts in FAN.items()]
    found += [_tf2_entry(size) for size in range(6)]
    found += [_efficientdet_entry(size) for size in range(6)]
    found += [_segformer_entry(name) for name in SEGFORMER]
    found += [_segformer_fan_entry()]
    found += [_encoder_entry(*facts) for facts in ENCODERS]
    found += [_rtdetr_entry(name, *facts) for name, facts in RTDETR.items()]
    found += [_deformable_entry(path, *facts) for path, facts in DEFORMABLE.items()]
    found += [_dino_entry(name) for name in DINO]
    found += [_dino_entry("resnet50.a1_in1k", "pretrained_dino_nvimagenet:resnet50")]
    found += [_grounding_entry(name, *facts) for name, facts in GROUNDING_DINO.items()]
    return found + [_mask_grounding_entry(name, *facts) for name, facts in GROUNDING_DINO.items()]


def _entry(name: str, backbone_type: str, backbone_class: str) -> dict[str, Any]:
    model, _, tag = name.partition(".")
    facts = timm.get_pretrained_cfg(name)
    assert facts is not None
    size = list(facts.input_size)
    given = dict(zip(USUAL, (size[-1], list(facts.mean), list(facts.std)), strict=True))
    accuracy, source = _accuracy(name)
    return {
        "arch": "classification_pyt",
        "ngc_path": f"timm/{model}:{tag}",
        "name": name,
        "version": tag,
        "description": f"The backbone {model} of timm with the weights {tag}.",
        "source": {"repo": facts.hf_hub_id, "file": "model.safetensors", "revision": "main"},
        "license": facts.license,
        "input_size": size,
        "parameters": _parameters(name),
        "accuracy": accuracy,
        "accuracy_source": source,
        "backbone_type": backbone_type,
        "backbone_class": backbone_class,
        "defaults": {"model.backbone.type": model}
        | {key: value for key, value in given.items() if value != USUAL[key]},
    }


def _fan_entry(path: str, published: str, name: str) -> dict[str, Any]:
    entry = _entry(name, "transformer", "unknown")
    version = path.rpartition(":")[2]
    text = (
        f"timm has no FAN. This is the nearest that it has: {name}, an XCiT, from whose design FAN comes. "
        f"It stands under the name {version} for clients that look for it."
    )
    entry |= {"ngc_path": path, "name": version, "version": version, "description": text}
    entry["defaults"] |= {"model.backbone.type": published}
    return entry


def _tf2_entry(size: int) -> dict[str, Any]:
    """An EfficientNet with weights of TensorFlow, under the name that clients look for."""
    name = f"tf_efficientnet_b{size}.aa_in1k"
    entry = _entry(name, "cnn", "efficientnet")
    version = f"efficientnet_b{size}"
    return entry | {
        "arch": "classification_tf2",
        "ngc_path": f"timm/pretrained_classification_tf2:{version}",
        "name": version,
        "version": version,
        "description": f"EfficientNet-B{size} with the weights of timm's {name}, which come from TensorFlow.",
        "defaults": {"model.backbone": f"efficientnet-b{size}", "dataset.preprocess_mode": "torch"},
    }


def _efficientdet_entry(size: int) -> dict[str, Any]:
    """The backbone of an EfficientDet, under the name that clients look for; pyramid and heads begin anew."""
    entry = _tf2_entry(size)
    version, source = entry["version"], entry["source"]["repo"].partition("/")[2]
    return entry | {
        "arch": "efficientdet_tf2",
        "ngc_path": f"timm/pretrained_efficientdet_tf2:{version}",
        "description": f"The backbone of EfficientDet-D{size} with the weights of timm's {source}.",
        "accuracy": None,
        "accuracy_source": None,
        "defaults": {"model.name": f"efficientdet-d{size}"},
    }


def _segformer_entry(name: str) -> dict[str, Any]:
    """A backbone for SegFormer's decoder, which begins anew; images keep the size that the spec has."""
    entry = _entry(name, *BACKBONES[name])
    model, _, tag = name.partition(".")
    facts = timm.get_pretrained_cfg(name)
    assert facts is not None
    augmentation = "dataset.segment.augmentation"
    return entry | {
        "arch": "segformer",
        "ngc_path": f"timm/segformer_{model}:{tag}",
        "description": f"The backbone {model} of timm with the weights {tag}, for SegFormer's decoder.",
        "accuracy": None,
        "accuracy_source": None,
        "defaults": {
            "model.backbone.type": model,
            f"{augmentation}.mean": list(facts.mean),
            f"{augmentation}.std": list(facts.std),
        },
    }


def _segformer_fan_entry() -> dict[str, Any]:
    """The nearest to the backbone that clients look for."""
    path = "timm/pretrained_segformer_imagenet:fan_hybrid_small"
    name = "xcit_small_12_p16_224.fb_in1k"
    kept = ("ngc_path", "name", "version", "description")
    fan = _fan_entry(path, "fan_small_12_p4_hybrid", name)
    entry = _segformer_entry(name) | {key: fan[key] for key in kept}
    entry["defaults"] |= {"model.backbone.type": "fan_small_12_p4_hybrid"}
    return entry


def _encoder_entry(network: str, path: str, arch: str, weights: str) -> dict[str, Any]:
    """A ViT to go on from; decoder, mask head or classifier begin anew."""
    entry = _entry(weights, "transformer", "vit")
    name, _, version = path.partition("/")[2].partition(":")
    text = f"The encoder {arch} with the weights of timm's {weights}."
    if not name.startswith(network):
        text += f" It stands under the name {name}:{version} for clients that look for it."
    return entry | {
        "arch": network,
        "ngc_path": path,
        "name": name,
        "version": version,
        "description": text,
        "accuracy": None,
        "accuracy_source": None,
        "defaults": {"model.arch": arch},
    }


def _rtdetr_entry(name: str, backbone: str, data: str, precision: float) -> dict[str, Any]:
    """A whole detector, with all but the heads of its classes."""
    wanted = name.startswith("pretrained_")
    repo = "rtdetr_r50vd" if wanted else name
    spec = validate_spec(RtdetrSpec, with_values({}, {"model.backbone": backbone, **RTDETR_SHAPES[backbone]}))
    version = "resnet50" if wanted else "main"
    text = f"RT-DETR with {backbone}, trained on {data}, with the weights of PekingU/{repo}."
    if wanted:
        text += f" It stands under the name {name}:{version} for clients that look for it."
    return {
        "arch": "rtdetr",
        "ngc_path": f"PekingU/{name}:{version}",
        "name": name,
        "version": version,
        "description": text,
        "source": {"repo": f"PekingU/{repo}", "file": "model.safetensors", "revision": "main"},
        "license": "apache-2.0",
        "input_size": [3, 640, 640],
        "parameters": sum(weight.numel() for weight in rtdetr.build(spec, 80).parameters()),
        "accuracy": precision,
        "accuracy_source": RTDETR_SOURCE,
        "backbone_type": "cnn",
        "backbone_class": "resnet",
        "defaults": {"model.backbone": backbone, **RTDETR_SHAPES[backbone]},
    }


def _deformable_entry(path: str, repo: str, wanted: str, refined: bool, precision: float) -> dict[str, Any]:
    """A whole detector, with all but the heads of its classes."""
    defaults = {"model.backbone": "resnet_50", "model.with_box_refine": refined}
    spec = validate_spec(DeformableDetrSpec, with_values({}, defaults))
    owner_name, _, version = path.partition(":")
    text = f"Deformable DETR with resnet_50, trained on COCO, with the weights of SenseTime/{repo}."
    if wanted:
        text += f" It stands under the name {wanted} for clients that look for it."
    return {
        "arch": "deformable_detr",
        "ngc_path": path,
        "name": owner_name.rpartition("/")[2],
        "version": version,
        "description": text,
        "source": {"repo": f"SenseTime/{repo}", "file": "model.safetensors", "revision": "main"},
        "license": "apache-2.0",
        "input_size": [3, 800, 1333],
        "parameters": sum(weight.numel() for weight in deformable_detr.build(spec, 91).parameters()),
        "accuracy": precision,
        "accuracy_source": DEFORMABLE_SOURCE,
        "backbone_type": "cnn",
        "backbone_class": "resnet",
        "defaults": defaults,
    }


def _dino_entry(name: str, wanted: str = "") -> dict[str, Any]:
    """A backbone for DINO, which begins anew around it."""
    model, _, tag = name.partition(".")
    facts = timm.get_pretrained_cfg(name)
    assert facts is not None
    published = next(key for key in dino.BACKBONES if backbone_of(key).timm_name == model)
    text = f"The backbone {model} of timm with the weights {tag}, for DINO."
    if wanted:
        text += f" It stands under the name {wanted} for clients that look for it."
    version = wanted.partition(":")[2] or tag
    return _entry(name, *BACKBONES[name]) | {
        "arch": "dino",
        "ngc_path": f"timm/{wanted or f'dino_{model}:{tag}'}",
        "name": wanted.partition(":")[0] or name,
        "version": version,
        "description": text,
        "accuracy": None,
        "accuracy_source": None,
        "defaults": {
            "model.backbone": published,
            "dataset.augmentation.input_mean": list(facts.mean),
            "dataset.augmentation.input_std": list(facts.std),
        },
    }


def _grounding_entry(name: str, backbone: str, data: str, precision: float) -> dict[str, Any]:
    """A whole grounded detector, words and all."""
    defaults = {"model.backbone": backbone}
    spec = validate_spec(GroundingDinoSpec, with_values({}, defaults))
    bert: Any = BertConfig()
    built = grounding_dino.build(spec, (), TextFiles(bert.to_dict(), _letters()))
    return {
        "arch": "grounding_dino",
        "ngc_path": f"IDEA-Research/{name}:main",
        "name": name,
        "version": "main",
        "description": f"Grounding DINO with {backbone}, trained on {data}. It reads with bert-base-uncased.",
        "source": {"repo": f"IDEA-Research/{name}", "file": "model.safetensors", "revision": "main"},
        "license": "apache-2.0",
        "input_size": [3, 800, 1333],
        "parameters": sum(weight.numel() for weight in built.parameters()),
        "accuracy": precision,
        "accuracy_source": GROUNDING_SOURCE,
        "backbone_type": "transformer",
        "backbone_class": "swin",
        "defaults": defaults,
    }


def _mask_grounding_entry(name: str, *facts: Any) -> dict[str, Any]:
    """The same for a detector whose masks begin anew."""
    entry = _grounding_entry(name, *facts)
    return entry | {
        "arch": "mask_grounding_dino",
        "ngc_path": f"IDEA-Research/mask-{name}:main",
        "name": f"mask-{name}",
        "description": f"{entry['description']} Its masks begin anew.",
    }


def _letters() -> str:
    """A tokenizer that knows the ends of texts alone: no words are read here."""
    words = {word: place for place, word in enumerate(("[PAD]", "[UNK]", "[CLS]", "[SEP]", ".", "?"))}
    return str(Tokenizer(WordPiece(words, unk_token="[UNK]")).to_str())


def _accuracy(name: str) -> tuple[float | None, str | None]:
    """Top-1 accuracy on ImageNet in percent, where an installed package states it."""
    if name not in TORCHVISION:
        return None, None
    weights = torchvision.models.get_weight(TORCHVISION[name])
    return weights.meta["_metrics"]["ImageNet-1K"]["acc@1"], f"torchvision {TORCHVISION[name]}, ImageNet-1K"


def _parameters(name: str) -> int:
    with torch.device("meta"):
        return sum(weight.numel() for weight in timm.create_model(name).parameters())


def main() -> None:
    """Write the file."""
    target = files("tunesmith.networks").joinpath("catalogue.json")
    with open(str(target), "w", encoding="utf-8") as file:  # noqa: PTH123 - the package is a folder here
        json.dump(entries(), file, indent=1)
        file.write("\n")


if __name__ == "__main__":
    main()
