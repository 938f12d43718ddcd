"""The spec of grounding_dino in the terms of the detection task."""

from collections.abc import Iterator

from tunesmith.networks.backbones import backbone_of
from tunesmith.networks.detection import (
    DetectorSettings,
    Either,
    Flip,
    Inputs,
    Learning,
    ShortestSide,
    SizedCrop,
    Step,
    own_parts,
)
from tunesmith.networks.grounding_dino.spec import GroundingDinoSpec
from tunesmith.specs import SpecError, SpecProblem
from tunesmith.specs.blocks.deformable import Augmentation

STRIDE = 32
_COLOURS = 3


def settings(spec: GroundingDinoSpec) -> DetectorSettings:
    """What the detection task asks of the spec.

    Raises:
        SpecError: with all that cannot be used.
    """
    if problems := list(_problems(spec)):
        raise SpecError(problems)
    dataset, model = spec.dataset, spec.model
    name, difference = model.backbone, backbone_of(model.backbone).difference
    note = f"The backbone {name} is built as timm's {backbone_of(name).timm_name}: {difference}."
    untouched = type(spec)().dataset
    evaluated = dataset.eval_class_ids if dataset.eval_class_ids != untouched.eval_class_ids else []
    given = dataset.augmentation
    return DetectorSettings(
        inputs=_inputs(given),
        learning=_learning(spec),
        most=model.num_select,
        classes=(0, 0),
        evaluated=tuple(evaluated),
        batch_size=dataset.batch_size,
        workers=dataset.workers,
        pin_memory=dataset.pin_memory,
        stride=STRIDE,
        subject=f"Grounding DINO with {name} on images of {given.test_random_resize} pixels",
        files={
            "model.pretrained_backbone_path": (model.pretrained_backbone_path, "backbone"),
            "train.pretrained_model_path": (spec.train.pretrained_model_path, ""),
        },
        notes=(note,) if difference else (),
    )


def _inputs(given: Augmentation) -> Inputs:
    longest = given.random_resize_max_size
    plain = ShortestSide(tuple(given.scales), longest)
    largest = Augmentation().fixed_random_crop
    cut = (given.train_random_crop_min, given.train_random_crop_max)
    if given.fixed_random_crop != largest:
        cut = (given.fixed_random_crop, given.fixed_random_crop)
    cropped: tuple[Step, ...] = (
        ShortestSide(tuple(given.train_random_resize), longest),
        SizedCrop(*cut),
        plain,
    )
    side = max(*given.scales, given.test_random_resize)
    padded = (_whole(side), _whole(longest)) if given.fixed_padding else None
    return Inputs(
        training=(Flip(given.horizontal_flip_prob), Either((plain,), cropped)),
        evaluation=ShortestSide((given.test_random_resize,), longest),
        padded=padded,
        marks_padding=True,
        mean=(given.input_mean[0], given.input_mean[1], given.input_mean[2]),
        std=(given.input_std[0], given.input_std[1], given.input_std[2]),
    )


def _learning(spec: GroundingDinoSpec) -> Learning:
    train, optim, model = spec.train, spec.train.optim, spec.model
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
            (own_parts(model.backbone_names), optim.lr_backbone),
            (own_parts(model.linear_proj_names), optim.lr * optim.lr_linear_proj_mult),
        ),
        clip_norm=train.clip_grad_norm,
        precision=train.precision,
        freeze=own_parts(train.freeze),
        dry_run=train.is_dry_run,
        verbose=train.verbose,
    )


def _problems(spec: GroundingDinoSpec) -> Iterator[SpecProblem]:
    given, path = spec.dataset.augmentation, "dataset.augmentation"
    for key in ("scales", "train_random_resize"):
        sizes = getattr(given, key)
        if not sizes or min(sizes) < 1:
            yield SpecProblem(f"{path}.{key}", "must hold numbers of pixels", sizes)
    for key in ("input_mean", "input_std"):
        colours = getattr(given, key)
        if len(colours) != _COLOURS or (key == "input_std" and min(colours) <= 0):
            yield SpecProblem(f"{path}.{key}", "must hold three numbers, a deviation above 0", colours)
    if given.train_random_crop_min > given.train_random_crop_max:
        rule = f"must be at most train_random_crop_max, {given.train_random_crop_max}"
        yield SpecProblem(f"{path}.train_random_crop_min", rule, given.train_random_crop_min)
    if spec.train.optim.lr_scheduler == "StepLR" and spec.train.optim.lr_step_size < 1:
        yield SpecProblem("train.optim.lr_step_size", "must be at least 1", 0)


def _whole(side: int) -> int:
    """The side, filled up to whole places of the coarsest map of a backbone."""
    return -(-side // STRIDE) * STRIDE
