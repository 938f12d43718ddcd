"""What the specs of the detectors with deformable attention say, in the terms of the detection task."""

from collections.abc import Iterator
from typing import Any

from tunesmith.networks.backbones import backbone_of
from tunesmith.networks.detection import (
    DetectorSettings,
    Either,
    Flip,
    Inputs,
    Jitter,
    Learning,
    ShortestSide,
    SizedCrop,
    Step,
    clip_norm,
    own_parts,
)
from tunesmith.specs import SpecError, SpecProblem
from tunesmith.specs.blocks.deformable import Augmentation, Train

_ANY = 1 << 16  # no limit of a side in pixels
_COLOURS = 3

Rates = tuple[tuple[tuple[str, ...], float], ...]


def settings_of(spec: Any, title: str, rates: Rates = ()) -> DetectorSettings:
    """What the detection task asks of the spec.

    Args:
        spec: of a network with the sections of `tunesmith.specs.blocks.deformable`; one that is told its
            classes by words has neither their number nor samplers.
        title: the network's name for people.
        rates: learning rates before those that the networks share.

    Raises:
        SpecError: with all that cannot be used.
    """
    dataset, model, untouched = spec.dataset, spec.model, type(spec)()
    if problems := list(_problems(dataset.augmentation)):
        raise SpecError(problems)
    published = backbone_of(model.backbone)
    note = f"The backbone {model.backbone} is built as timm's {published.timm_name}: {published.difference}."
    given = inputs_of(dataset.augmentation)
    evaluated = dataset.eval_class_ids if dataset.eval_class_ids != untouched.dataset.eval_class_ids else []
    return DetectorSettings(
        inputs=given,
        learning=_learning(spec.train, model, rates),
        most=model.num_select,
        classes=(getattr(dataset, "num_classes", 0), getattr(untouched.dataset, "num_classes", 0)),
        evaluated=tuple(evaluated),
        batch_size=dataset.batch_size,
        workers=dataset.workers,
        pin_memory=dataset.pin_memory,
        stride=1,
        subject=f"{title} with {model.backbone} on images of {_sizes(given)}",
        files={
            "model.pretrained_backbone_path": (model.pretrained_backbone_path, "backbone"),
            "train.pretrained_model_path": (spec.train.pretrained_model_path, ""),
        },
        notes=(note,) if published.difference else (),
        balanced=getattr(dataset, "train_sampler", "") == "uniform_sampler",
    )


def inputs_of(given: Augmentation) -> Inputs:
    """How images become inputs: DETR's variation, or large jitter of scale (Ghiasi et al. 2021)."""
    longest, side = given.random_resize_max_size, given.fixed_random_crop
    sized = ShortestSide(tuple(given.scales), longest)
    steps: tuple[Step, ...] = (
        Either(
            (sized,),
            (
                ShortestSide(tuple(given.train_random_resize), _ANY),
                SizedCrop(given.train_random_crop_min, given.train_random_crop_max),
                sized,
            ),
        ),
    )
    if side != type(given)().fixed_random_crop:
        steps = (Jitter(side), SizedCrop(side, side))
    return Inputs(
        training=(Flip(given.horizontal_flip_prob), *steps),
        evaluation=ShortestSide((given.test_random_resize,), longest),
        padded=(max(given.scales), longest) if given.fixed_padding else None,
        mean=tuple(given.input_mean),
        std=tuple(given.input_std),
    )


def _sizes(inputs: Inputs) -> str:
    height, width = inputs.size
    return f"{width} x {height} pixels"


def _learning(train: Train, model: Any, rates: Rates) -> Learning:
    optim = train.optim
    return Learning(
        optimizer=optim.optimizer.lower(),
        lr=optim.lr,
        weight_decay=optim.weight_decay,
        momentum=optim.momentum,
        policy="multistep" if optim.lr_scheduler == "MultiStep" else "step",
        policy_params={
            "milestones": optim.lr_steps,
            "step_size": optim.lr_step_size,
            "gamma": optim.lr_decay,
        },
        rates=(
            *rates,
            (own_parts(model.backbone_names), optim.lr_backbone),
            (own_parts(model.linear_proj_names), optim.lr * optim.lr_linear_proj_mult),
        ),
        clip_norm=clip_norm(train.clip_grad_norm, model.clip_max_norm),
        precision=train.precision,
        freeze=own_parts(train.freeze),
        dry_run=train.is_dry_run,
        verbose=train.verbose,
    )


def _problems(given: Augmentation) -> Iterator[SpecProblem]:
    for key in ("scales", "train_random_resize"):
        sizes = getattr(given, key)
        if not sizes or min(sizes) < 1:
            yield SpecProblem(f"dataset.augmentation.{key}", "must hold sizes in pixels", sizes)
    if given.train_random_crop_max < given.train_random_crop_min:
        rule = f"must be at least train_random_crop_min, {given.train_random_crop_min}"
        yield SpecProblem("dataset.augmentation.train_random_crop_max", rule, given.train_random_crop_max)
    for key, rule, wrong in (
        ("input_mean", "must hold a number for each colour", False),
        ("input_std", "must hold a number above 0 for each colour", min(given.input_std, default=0) <= 0),
    ):
        numbers = getattr(given, key)
        if wrong or len(numbers) != _COLOURS:
            yield SpecProblem(f"dataset.augmentation.{key}", rule, numbers)
