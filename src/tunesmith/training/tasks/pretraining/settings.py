"""The spec of mae as the training engine's settings."""

import re
from collections.abc import Iterator
from typing import cast

import torch
from torch import nn

from tunesmith.networks.mae.model import build
from tunesmith.networks.mae.spec import FINETUNE, MaeSpec
from tunesmith.specs import SpecProblem
from tunesmith.training.engine.settings import (
    LoopSettings,
    OptimizerSettings,
    Precision,
    Rate,
    ScheduleSettings,
)
from tunesmith.training.tasks.image_format import ImageFormat

_POLICIES = {"MultiStep": "multistep", "cosine": "cosine"}


def image_format(spec: MaeSpec) -> ImageFormat:
    """A square of dataset.augmentation.input_size.

    Raises:
        SpecError: a key of it cannot be used.
    """
    given = spec.dataset.augmentation
    return ImageFormat.square(given.input_size, given.mean, given.std, "dataset")


def loop(spec: MaeSpec) -> LoopSettings:
    """Length, intervals and numbers of a training."""
    train, data = spec.train, spec.dataset
    return LoopSettings(
        epochs=train.num_epochs,
        batch_size=data.batch_size,
        workers=data.num_workers_per_gpu,
        seed=train.seed,
        precision=cast("Precision", train.precision),
        checkpoint_interval=train.checkpoint_interval,
        validation_interval=train.validation_interval,
        accumulated=train.accum_grad_batches,
    )


def pretraining_optimizer(spec: MaeSpec) -> OptimizerSettings:
    """AdamW as the paper has it, all layers at one rate."""
    optim = spec.train.optim
    return OptimizerSettings(
        name="adamw", lr=optim.lr, weight_decay=optim.weight_decay, betas=(optim.momentum, 0.95)
    )


def finetuning_optimizer(spec: MaeSpec) -> OptimizerSettings:
    """AdamW with a learning rate for each layer: the further from the classifier, the smaller."""
    optim = spec.train.optim
    return OptimizerSettings(
        name="adamw",
        lr=optim.lr,
        weight_decay=optim.weight_decay,
        betas=(optim.momentum, 0.999),
        rates=tuple(layer_rates(spec)),
    )


def schedule(spec: MaeSpec) -> ScheduleSettings:
    """The learning-rate schedule."""
    optim = spec.train.optim
    parameters = {"milestones": optim.milestones, "gamma": optim.gamma}
    return ScheduleSettings(_POLICIES[optim.lr_scheduler], parameters, optim.warmup_epochs)


def layer_rates(spec: MaeSpec) -> Iterator[Rate]:
    """The rates of the encoder's layers. What is not named, the classifier, learns at lr."""
    optim = spec.train.optim
    with torch.device("meta"):
        model = build(spec.replaced("train.stage", FINETUNE), 2)
    layers = encoder_layers(model.net)
    for place, parts in enumerate(reversed(layers)):
        rate = optim.lr * optim.backbone_multiplier * optim.layer_decay**place
        yield Rate(tuple(f"net.{part}." for part in parts), rate)
    # Embeddings, stem and what stands before the first layer.
    least = optim.lr * optim.backbone_multiplier * optim.layer_decay ** len(layers)
    stem = ("cls_token", "reg_token", "pos_embed", "patch_embed", "norm_pre", "stem")
    yield Rate(tuple(f"net.{name}" for name in stem), least)


def encoder_layers(net: nn.Module) -> list[tuple[str, ...]]:
    """The blocks of a timm model from the first to the last, each by the names of its parts."""
    names = [name for name, _ in net.named_modules()]
    blocks: list[tuple[str, ...]] = [(name,) for name in names if re.fullmatch(r"blocks\.\d+", name)]
    if blocks:
        return blocks
    found = [re.fullmatch(r"(stages\.\d+)\.blocks\.(\d+)", name) for name in names]
    # What halves the maps learns with its stage's first block.
    return [(one[0],) if int(one[2]) else (one[0], f"{one[1]}.downsample") for one in found if one]


def problems(spec: MaeSpec) -> Iterator[SpecProblem]:
    """What cannot be used of the keys that the engine takes."""
    optim = spec.train.optim
    for key, value, least in (
        ("train.optim.lr", optim.lr, 0.0),
        ("train.optim.backbone_multiplier", optim.backbone_multiplier, 0.0),
        ("train.optim.layer_decay", optim.layer_decay, 0.0),
    ):
        if value <= least:
            yield SpecProblem(key, f"must be above {least:g}", value)
    if not 0 <= optim.momentum < 1:
        yield SpecProblem("train.optim.momentum", "must be from 0 to below 1", optim.momentum)
    if optim.weight_decay < 0:
        yield SpecProblem("train.optim.weight_decay", "must be at least 0", optim.weight_decay)
    if optim.warmup_epochs < 0:
        yield SpecProblem("train.optim.warmup_epochs", "must be at least 0", optim.warmup_epochs)
    if spec.dataset.num_workers_per_gpu < 0:
        workers = spec.dataset.num_workers_per_gpu
        yield SpecProblem("dataset.num_workers_per_gpu", "must be at least 0", workers)
