"""The spec of rtdetr in the terms of the detection task."""

from collections.abc import Iterator

from tunesmith.networks.backbones import backbone_of
from tunesmith.networks.detection import (
    DetectorSettings,
    Distilling,
    Distort,
    Flip,
    Inputs,
    IouCrop,
    Learning,
    Resize,
    Step,
    ZoomOut,
    clip_norm,
    own_parts,
)
from tunesmith.networks.rtdetr.spec import RtdetrSpec
from tunesmith.specs import SpecError, SpecProblem

STRIDE = 32
"""Sides of images are multiples of it: feature maps of the strides 8 to 32 must fit one another."""

_TAUGHT = ("net.encoder.", "net.enc_", "net.decoder")  # all but the backbone
_ZOOMED_OUT, _MIRRORED = 0.5, 0.5  # as in RT-DETR's own training


def settings(spec: RtdetrSpec) -> DetectorSettings:
    """What the detection task asks of the spec.

    Raises:
        SpecError: with all that cannot be used.
    """
    if problems := list(_problems(spec)):
        raise SpecError(problems)
    dataset, model = spec.dataset, spec.model
    name, difference = model.backbone, backbone_of(model.backbone).difference
    note = f"The backbone {name} is built as timm's {backbone_of(name).timm_name}: {difference}."
    height, width = dataset.augmentation.eval_spatial_size
    untouched = RtdetrSpec().dataset
    evaluated = dataset.eval_class_ids if dataset.eval_class_ids != untouched.eval_class_ids else []
    return DetectorSettings(
        inputs=_inputs(spec),
        learning=_learning(spec),
        most=model.num_select,
        classes=(dataset.num_classes, untouched.num_classes),
        evaluated=tuple(evaluated),
        batch_size=dataset.batch_size,
        workers=dataset.workers,
        pin_memory=dataset.pin_memory,
        stride=STRIDE,
        subject=f"RT-DETR with {name} on images of {width} x {height} pixels",
        files={
            "model.pretrained_backbone_path": (model.pretrained_backbone_path, "backbone"),
            "model.frozen_fm.checkpoint": (model.frozen_fm.checkpoint, "foundation"),
            "train.pretrained_model_path": (spec.train.pretrained_model_path, ""),
        },
        notes=(note,) if difference else (),
        distilling=Distilling(
            kind=spec.distill.loss_type if spec.distill else Distilling.kind,
            weight=model.distillation_loss_coef,
            begins=_TAUGHT if model.load_teacher_enc_dec else (),
        ),
    )


def _inputs(spec: RtdetrSpec) -> Inputs:
    given = spec.dataset.augmentation
    height, width = given.train_spatial_size
    eval_height, eval_width = given.eval_spatial_size
    steps: tuple[Step, ...] = (
        Distort(given.distortion_prob),
        # Its counterpart: without crops there is no need for it either.
        ZoomOut(min(_ZOOMED_OUT, given.iou_crop_prob)),
        IouCrop(given.iou_crop_prob),
        Flip(_MIRRORED),
        Resize(height, width, given.preserve_aspect_ratio),
    )
    evaluation = Resize(eval_height, eval_width, given.preserve_aspect_ratio)
    return Inputs(training=steps, evaluation=evaluation, sides=tuple(given.multi_scales))


def _learning(spec: RtdetrSpec) -> Learning:
    train, optim = spec.train, spec.train.optim
    average = {
        "ema_decay": train.ema.decay,
        "ema_every": train.ema.every_n_steps,
        "ema_judged": not train.ema.validate_original_weights,
        "ema_on_cpu": train.ema.cpu_offload,
    }
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
        rates=((own_parts(spec.model.backbone_names), optim.lr_backbone),),
        warmup_steps=optim.warmup_steps,
        clip_norm=clip_norm(train.clip_grad_norm, spec.model.clip_max_norm),
        precision=train.precision,
        freeze=own_parts(train.freeze),
        ema=average if train.enable_ema else None,
        dry_run=train.is_dry_run,
        verbose=train.verbose,
    )


def _problems(spec: RtdetrSpec) -> Iterator[SpecProblem]:
    given = spec.dataset.augmentation
    for key in ("train_spatial_size", "eval_spatial_size"):
        sides = getattr(given, key)
        if len(sides) != 2 or any(side < STRIDE or side % STRIDE for side in sides):
            rule = f"must hold height and width, multiples of {STRIDE} pixels"
            yield SpecProblem(f"dataset.augmentation.{key}", rule, sides)
    if any(side < STRIDE or side % STRIDE for side in given.multi_scales):
        rule = f"must hold multiples of {STRIDE} pixels"
        yield SpecProblem("dataset.augmentation.multi_scales", rule, given.multi_scales)
