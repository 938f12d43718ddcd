"""The spec of mask2former in the terms of segmentation by masks."""

from collections.abc import Iterator, Sequence
from typing import cast

from tunesmith.networks.backbones import backbone_of
from tunesmith.networks.detection import Learning, Resize, ShortestSide
from tunesmith.networks.mask2former.blocks import Split
from tunesmith.networks.mask2former.spec import Mask2FormerSpec
from tunesmith.networks.panoptic import MaskerSettings, Merging, Mode, Use
from tunesmith.specs import SpecError, SpecProblem

STRIDE = 32
"""Sides of images are filled up to multiples of it."""

_SPLITS = ("train", "val", "test")
_POLY = {"power": 0.9}
_WARMUP = 10  # steps, where the rate falls as a power
_BETA = 0.999


def settings(spec: Mask2FormerSpec) -> MaskerSettings:
    """What the task asks of the spec.

    Raises:
        SpecError: with all that cannot be used.
    """
    if problems := list(_problems(spec)):
        raise SpecError(problems)
    dataset, model, given = spec.dataset, spec.model, spec.dataset.augmentation
    plain = ShortestSide((given.test_min_size,), given.test_max_size)
    learnt = ShortestSide(tuple(given.train_min_size), given.train_max_size)
    height, width = given.train_crop_size
    name, difference = backbone_name(spec), backbone_of(backbone_name(spec)).difference
    note = f"The backbone {name} is built as timm's {backbone_of(name).timm_name}: {difference}."
    return MaskerSettings(
        mode=cast("Mode", model.mode),
        train=_use(spec, "train", learnt),
        evaluate=_use(spec, "val", plain),
        predict=_use(spec, "test", plain),
        crop=None if dataset.train.target_size else (height, width),
        mean=tuple(dataset.pixel_mean),
        std=tuple(dataset.pixel_std),
        merging=Merging(model.object_mask_threshold, model.overlap_threshold, model.test_topk_per_image),
        learning=_learning(spec),
        betas=(spec.train.optim.momentum, _BETA),
        classes=(model.sem_seg_head.num_classes, type(model.sem_seg_head)().num_classes),
        steps=spec.train.iters_per_epoch,
        pin_memory=dataset.pin_memory,
        stride=STRIDE,
        subject=f"Mask2Former with {name}, {model.mode}, on images of up to {given.test_max_size} pixels",
        files={
            "model.backbone.pretrained_weights": (model.backbone.pretrained_weights, "backbone"),
            "train.pretrained_model_path": (spec.train.pretrained_model_path, ""),
        },
        notes=(note,) if difference else (),
    )


def backbone_name(spec: Mask2FormerSpec) -> str:
    """The name of the backbone: swin's size and EfficientViT's with it."""
    backbone = spec.model.backbone
    if backbone.type == "swin":
        return f"swin_{backbone.swin.type}"
    return f"efficientvit_{backbone.efficientvit.name}" if backbone.type == "efficientvit" else backbone.type


def _use(spec: Mask2FormerSpec, name: str, sizing: ShortestSide) -> Use:
    split: Split = getattr(spec.dataset, name)
    untouched = Split().num_workers
    size = split.target_size
    return Use(
        reading="instances" if split.type == "coco" else "segments",
        sizing=Resize(size[0], size[1]) if size else sizing,
        batch_size=split.batch_size,
        workers=spec.dataset.workers if split.num_workers == untouched else split.num_workers,
        files=dict(_files(spec, name, split)),
    )


def _files(spec: Mask2FormerSpec, name: str, split: Split) -> Iterator[tuple[str, tuple[str, str]]]:
    """The files that the spec puts in the place of a dataset's own."""
    usual = Split()
    if split.instance_json != usual.instance_json:
        yield "instances", (f"dataset.{name}.instance_json", split.instance_json)
    if split.panoptic_json != usual.panoptic_json:
        yield "segments", (f"dataset.{name}.panoptic_json", split.panoptic_json)
    if spec.dataset.label_map:
        yield "label_map", ("dataset.label_map", spec.dataset.label_map)


def _learning(spec: Mask2FormerSpec) -> Learning:
    train, optim = spec.train, spec.train.optim
    steps = optim.lr_scheduler == "MultiStep"
    return Learning(
        optimizer=optim.type.lower(),
        lr=optim.lr,
        weight_decay=optim.weight_decay,
        momentum=optim.momentum,
        policy="multistep" if steps else "linear",
        policy_params={"milestones": optim.milestones, "gamma": optim.gamma} if steps else _POLY,
        rates=((("pixel_level_module.encoder.",), optim.lr * optim.backbone_multiplier),),
        warmup_steps=0 if steps else _WARMUP,
        clip_norm=train.clip_grad_norm,
        precision=train.precision,
        freeze=tuple(train.freeze),
        dry_run=train.is_dry_run,
        verbose=train.verbose,
    )


def _problems(spec: Mask2FormerSpec) -> Iterator[SpecProblem]:
    dataset, given, train = spec.dataset, spec.dataset.augmentation, spec.train
    yield from _channels("dataset.pixel_mean", dataset.pixel_mean, least=None)
    yield from _channels("dataset.pixel_std", dataset.pixel_std, least=0.0)
    if not given.train_min_size or min(given.train_min_size) < STRIDE:
        rule = f"must hold lengths of at least {STRIDE} pixels"
        yield SpecProblem("dataset.augmentation.train_min_size", rule, given.train_min_size)
    yield from _size("dataset.augmentation.train_crop_size", given.train_crop_size)
    for name in _SPLITS:
        size = getattr(dataset, name).target_size
        if size:
            yield from _size(f"dataset.{name}.target_size", size)
    if train.clip_grad_type != "full":
        yield SpecProblem("train.clip_grad_type", "must be full", train.clip_grad_type)
    if train.iters_per_epoch is not None and train.iters_per_epoch < 1:
        yield SpecProblem("train.iters_per_epoch", "must be at least 1", train.iters_per_epoch)
    if not 0 <= train.optim.momentum < 1:
        yield SpecProblem("train.optim.momentum", "must be from 0 to below 1", train.optim.momentum)


def _channels(key: str, given: Sequence[float], least: float | None) -> Iterator[SpecProblem]:
    if len(given) != 3 or (least is not None and min(given) <= least):
        above = "" if least is None else f" above {least:g}"
        yield SpecProblem(key, f"must hold three numbers{above}", list(given))


def _size(key: str, given: Sequence[int]) -> Iterator[SpecProblem]:
    if len(given) != 2 or min(given) < STRIDE:
        yield SpecProblem(key, f"must hold height and width, at least {STRIDE} pixels each", list(given))
