"""Each key of mask2former's model, dataset and train acts, or says why it does not."""

from typing import Any

import pytest
import torch
from tests.training.jobs import nested
from tests.training.masks import SMALL_MASKS
from tests.training.tasks.shared_keys import shared_keys

from tunesmith.networks.mask2former.model import build, settings
from tunesmith.networks.mask2former.spec import Mask2FormerSpec
from tunesmith.specs import SpecError, validate_spec
from tunesmith.specs.block import key_facts
from tunesmith.training.tasks.learning import schedule
from tunesmith.training.tasks.panoptic import settings as engine

SECTIONS = ("model.", "dataset.", "train.")
SWIN = "model.backbone.swin."
EFFICIENT = "model.backbone.efficientvit."
HEAD = "model.sem_seg_head."
DECODER = "model.mask_former."
TINY_SWIN: dict[str, Any] = {
    "model.backbone.type": "swin",
    f"{SWIN}embed_dim": 16,
    f"{SWIN}depths": [1, 1, 1, 1],
    f"{SWIN}num_heads": [1, 2, 4, 8],
    f"{SWIN}window_size": 4,
    f"{SWIN}pretrain_img_size": 96,
}
TINY_EFFICIENT: dict[str, Any] = {"model.backbone.type": "efficientvit", f"{EFFICIENT}name": "b0"}
LEVELS = ["res2", "res3", "res4"]

SWIN_CHANGES: dict[str, Any] = {
    f"{SWIN}type": "base",
    f"{SWIN}embed_dim": 32,
    f"{SWIN}depths": [1, 1, 2, 1],
    f"{SWIN}num_heads": [2, 2, 4, 8],
    f"{SWIN}patch_size": 2,
    f"{SWIN}window_size": 3,
    f"{SWIN}mlp_ratio": 2.0,
    f"{SWIN}qkv_bias": False,
    f"{SWIN}qk_scale": 0.5,
    f"{SWIN}drop_rate": 0.1,
    f"{SWIN}attn_drop_rate": 0.1,
    f"{SWIN}drop_path_rate": 0.1,
    f"{SWIN}ape": True,
    f"{SWIN}patch_norm": False,
    f"{SWIN}out_indices": [1, 2, 3],
    f"{SWIN}use_checkpoint": True,
    f"{SWIN}out_features": ["res3", "res4", "res5"],
}
EFFICIENT_CHANGES: dict[str, Any] = {
    f"{EFFICIENT}name": "b1",
    f"{EFFICIENT}out_indices": [2, 3],
    f"{EFFICIENT}use_checkpoint": True,
    f"{EFFICIENT}out_features": ["res3", "res4", "res5"],
}
CHANGES: dict[str, Any] = {
    "model.backbone.type": "test_resnet",
    "model.backbone.pretrained_weights": "weights.pth",
    f"{HEAD}common_stride": 8,
    f"{HEAD}transformer_enc_layers": 2,
    f"{HEAD}convs_dim": 32,
    f"{HEAD}mask_dim": 32,
    f"{HEAD}deformable_transformer_encoder_in_features": LEVELS,
    f"{HEAD}num_classes": 3,
    f"{HEAD}norm": "BN",
    f"{DECODER}dropout": 0.1,
    f"{DECODER}nheads": 2,
    f"{DECODER}num_object_queries": 20,
    f"{DECODER}hidden_dim": 32,
    f"{DECODER}dim_feedforward": 64,
    f"{DECODER}dec_layers": 4,
    f"{DECODER}pre_norm": True,
    f"{DECODER}class_weight": 3.0,
    f"{DECODER}dice_weight": 3.0,
    f"{DECODER}mask_weight": 3.0,
    f"{DECODER}train_num_points": 100,
    f"{DECODER}oversample_ratio": 2.0,
    f"{DECODER}importance_sample_ratio": 0.5,
    f"{DECODER}deep_supervision": False,
    f"{DECODER}no_object_weight": 0.5,
    "model.mode": "instance",
    "model.object_mask_threshold": 0.7,
    "model.overlap_threshold": 0.7,
    "model.test_topk_per_image": 7,
    **{f"dataset.{use}.type": "coco" for use in ("train", "val", "test")},
    **{f"dataset.{use}.batch_size": 3 for use in ("train", "val", "test")},
    **{f"dataset.{use}.num_workers": 3 for use in ("train", "val", "test")},
    **{f"dataset.{use}.target_size": [64, 128] for use in ("train", "val", "test")},
    **{f"dataset.{use}.instance_json": "few.json" for use in ("train", "val", "test")},
    **{f"dataset.{use}.panoptic_json": "few.json" for use in ("train", "val", "test")},
    "dataset.label_map": "labels.json",
    "dataset.workers": 5,
    "dataset.pin_memory": False,
    "dataset.pixel_mean": [0.1, 0.1, 0.1],
    "dataset.pixel_std": [0.1, 0.1, 0.1],
    "dataset.augmentation.train_min_size": [64, 96],
    "dataset.augmentation.train_max_size": 128,
    "dataset.augmentation.train_crop_size": [64, 64],
    "dataset.augmentation.test_min_size": 64,
    "dataset.augmentation.test_max_size": 128,
    "train.seed": 5,
    "train.num_epochs": 7,
    "train.checkpoint_interval": 4,
    "train.validation_interval": 4,
    "train.precision": "bf16",
    "train.freeze": ["encoder"],
    "train.pretrained_model_path": "whole.pth",
    "train.clip_grad_norm": 1.0,
    "train.is_dry_run": True,
    "train.optim.lr": 0.5,
    "train.optim.backbone_multiplier": 0.5,
    "train.optim.momentum": 0.5,
    "train.optim.weight_decay": 0.5,
    "train.optim.lr_scheduler": "Warmuppoly",
    "train.optim.milestones": [3],
    "train.optim.gamma": 0.5,
    "train.activation_checkpoint": True,
    "train.verbose": True,
    "train.iters_per_epoch": 5,
}
ELSEWHERE = {
    "train.optim.type": "there is one choice",
    "train.clip_grad_type": "there is one choice: others are refused below",
    "train.cudnn.benchmark": "test_classification_keys",
    "train.cudnn.deterministic": "test_classification_keys",
    "train.num_gpus": "the scheduler's tests: it decides how many GPUs a job waits for",
    "train.num_nodes": "the tests of the Ray executor",
    f"{SWIN}pretrain_img_size": "test_mask2former_model: it sizes the position embedding",
}


def spec_of(changes: dict[str, Any]) -> Mask2FormerSpec:
    return validate_spec(Mask2FormerSpec, nested(SMALL_MASKS | changes))


def observed(changes: dict[str, Any]) -> list[Any]:
    """What the task, the engine and the model make of a spec."""
    spec = spec_of(changes)
    known = settings(spec)
    found: list[Any] = [
        known,
        engine.image_format(known),
        engine.loop(known, spec),
        engine.optimizer(known),
        schedule(known.learning),
    ]
    torch.manual_seed(0)
    try:
        model = build(spec, 3).train()
    except SpecError as error:
        return [*found, str(error)]
    losses, encoder = model._losses[0], model.net.model.pixel_level_module.encoder
    return [
        *found,
        [(name, tuple(weight.shape)) for name, weight in model.named_parameters()],
        [type(part).__name__ for part in model.modules()],
        [getattr(part, "p", None) for part in model.modules()],
        [getattr(part, "scaling", None) for part in model.modules()],
        getattr(getattr(encoder, "pyramid", None), "_stages", None),
        [getattr(part, "grad_checkpointing", None) for part in model.modules()],
        model.net.config.to_dict(),
        (model._weights, model.deep, losses.num_points, losses.oversample_ratio, losses.eos_coef),
        (losses.matcher.cost_class, losses.matcher.cost_mask, losses.matcher.cost_dice),
    ]


@pytest.fixture(scope="module")
def usual() -> dict[str, list[Any]]:
    bases = {"": {}, "swin": TINY_SWIN, "efficientvit": TINY_EFFICIENT}
    return {name: observed(keys) for name, keys in bases.items()}


def test_the_same_spec_builds_the_same(usual):
    assert observed({}) == usual[""]


@pytest.mark.parametrize("path", CHANGES)
def test_a_key_acts(path, usual):
    assert observed({path: CHANGES[path]}) != usual[""]


@pytest.mark.parametrize("path", SWIN_CHANGES)
def test_a_key_of_swin_acts(path, usual):
    assert observed(TINY_SWIN | {path: SWIN_CHANGES[path]}) != usual["swin"]


@pytest.mark.parametrize("path", EFFICIENT_CHANGES)
def test_a_key_of_efficientvit_acts(path, usual):
    assert observed(TINY_EFFICIENT | {path: EFFICIENT_CHANGES[path]}) != usual["efficientvit"]


def test_every_key_is_looked_at():
    acting = {
        path
        for path, field in Mask2FormerSpec.leaves()
        if path.startswith(SECTIONS) and not key_facts(field).get("x-inert")
    }
    assert acting == {
        *CHANGES,
        *SWIN_CHANGES,
        *EFFICIENT_CHANGES,
        *ELSEWHERE,
        *shared_keys(Mask2FormerSpec, SECTIONS),
    }


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("dataset.pixel_std", [0.1, 0.0, 0.1]),
        ("dataset.pixel_mean", [0.1]),
        ("dataset.augmentation.train_min_size", []),
        ("dataset.augmentation.train_crop_size", [640]),
        ("dataset.val.target_size", [8, 8]),
        ("train.clip_grad_type", "value"),
        ("train.iters_per_epoch", 0),
        ("train.optim.momentum", 1.5),
    ],
)
def test_what_cannot_be_used_is_named(key, value):
    with pytest.raises(SpecError, match=key.replace(".", r"\.")):
        settings(spec_of({key: value}))


@pytest.mark.parametrize(
    ("key", "value"),
    [
        (f"{HEAD}common_stride", 16),
        (f"{HEAD}convs_dim", 40),
        (f"{HEAD}norm", "LN"),
        (f"{HEAD}deformable_transformer_encoder_in_features", ["res5", "res4", "res3"]),
        (f"{DECODER}hidden_dim", 30),
        (f"{DECODER}nheads", 0),
        (f"{DECODER}train_num_points", 0),
        (f"{DECODER}oversample_ratio", 0.5),
        (f"{DECODER}importance_sample_ratio", 1.5),
        ("model.backbone.type", "resnet17"),
    ],
)
def test_what_cannot_be_built_is_named(key, value):
    with pytest.raises(SpecError, match=key.replace(".", r"\.")):
        build(spec_of({key: value}), 3)


@pytest.mark.parametrize(
    ("key", "value"),
    [("type", "huge"), ("num_heads", [3, 6]), ("num_heads", [3, 2, 4, 8]), ("out_indices", [0, 7])],
)
def test_a_swin_that_cannot_be_built_is_named(key, value):
    with pytest.raises(SpecError, match=r"model\.backbone\.swin\."):
        build(spec_of(TINY_SWIN | {f"{SWIN}{key}": value}), 3)
