"""The spec of efficientdet_tf2 in the terms of the detection task."""

import re
from collections.abc import Iterator, Sequence

from tunesmith.networks.detection import (
    DetectorSettings,
    Distort,
    Flip,
    Inputs,
    Kept,
    Learning,
    Predicting,
    Resize,
    ScaleJitter,
    Step,
    Suppression,
    Translate,
)
from tunesmith.networks.efficientdet_tf2.spec import EfficientDetSpec
from tunesmith.specs import SpecError, SpecProblem
from tunesmith.specs.blocks.actions import Export

SMALLEST = 64
"""Side of an image in pixels."""

OVERLAP_LOSSES = ("", "iou", "giou", "diou", "ciou")

_MEAN, _STD = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)
_VARIED, _MIRRORED, _MOVED = 0.5, 0.5, 0.5
_FURTHEST = 0.25  # of a side
_NOT_DECAYED = ("bias", "bn", "norm", "edge_weights")
_FIGURES = {
    "mAP": "AP",
    "mAP50": "AP50",
    "mAP75": "AP75",
    "mAP_small": "APs",
    "mAP_medium": "APm",
    "mAP_large": "APl",
    "mAR_1": "ARmax1",
    "mAR_10": "ARmax10",
    "mAR_100": "ARmax100",
    "mAR_small": "ARs",
    "mAR_medium": "ARm",
    "mAR_large": "ARl",
}


def settings(spec: EfficientDetSpec) -> DetectorSettings:
    """What the detection task asks of the spec.

    Raises:
        SpecError: with all that cannot be used.
    """
    if problems := list(_problems(spec)):
        raise SpecError(problems)
    model, train, dataset = spec.model, spec.train, spec.dataset
    untouched = EfficientDetSpec()
    name = f"{model.name} on {model.backbone}" if model.backbone else model.name
    batch = train.batch_size
    return DetectorSettings(
        inputs=_inputs(spec),
        learning=_learning(spec),
        most=spec.evaluate.max_detections_per_image,
        classes=(dataset.num_classes, untouched.dataset.num_classes),
        evaluated=(),
        batch_size=batch,
        workers=dataset.loader.workers,
        pin_memory=True,
        stride=1,
        subject=f"{name} on images of {model.input_width} x {model.input_height} pixels",
        files={"train.checkpoint": (train.checkpoint, "")},
        metric_names=_FIGURES,
        records=_records(dataset.train_tfrecords, dataset.train_dirs),
        validation_records=_records(dataset.val_tfrecords, dataset.val_dirs),
        skipped=train.skip_checkpoint_variables,
        evaluating=_evaluating(spec),
        inferring=_inferring(spec),
        export=Export(batch_size=-1 if spec.export.dynamic_batch_size else spec.export.batch_size),
        graph_threshold=spec.export.min_score_thresh,
    )


def _records(files: Sequence[str], folders: Sequence[str]) -> tuple[str, ...]:
    """Keys of record files in the workspace, with wildcards."""
    return (*files, *(f"{folder.rstrip('/')}/*.tfrecord" for folder in folders))


def _evaluating(spec: EfficientDetSpec) -> Predicting:
    own = spec.evaluate
    kept = Kept(own.max_detections_per_image, suppression=_suppression(spec))
    return Predicting(own.batch_size, spec.dataset.loader.workers, kept, images=own.num_samples)


def _inferring(spec: EfficientDetSpec) -> Predicting:
    own = spec.inference
    kept = Kept(own.max_boxes_to_draw, own.min_score_thresh, _suppression(spec))
    return Predicting(own.batch_size, spec.dataset.loader.workers, kept, labels=own.dump_label)


def _suppression(spec: EfficientDetSpec) -> Suppression:
    return Suppression(spec.evaluate.sigma, spec.evaluate.max_nms_inputs)


def _inputs(spec: EfficientDetSpec) -> Inputs:
    given, dataset = spec.dataset.augmentation, spec.dataset
    height, width = spec.model.input_height, spec.model.input_width
    steps: list[Step] = []
    if given.auto_color_distortion:
        steps.append(Distort(_VARIED))
    if given.auto_translate_xy:
        steps.append(Translate(_FURTHEST, _MOVED))
    if given.rand_hflip:
        steps.append(Flip(_MIRRORED))
    steps.append(ScaleJitter(height, width, given.random_crop_min_scale, given.random_crop_max_scale))
    return Inputs(
        training=tuple(steps),
        evaluation=Resize(height, width, keep_aspect=True),
        padded=(height, width),
        mean=_MEAN,
        std=_STD,
        crowds=not dataset.skip_crowd_during_training,
        most_objects=dataset.max_instances_per_image,
    )


def _learning(spec: EfficientDetSpec) -> Learning:
    train, rate = spec.train, spec.train.lr_schedule
    first = rate.warmup_init / rate.learning_rate if rate.learning_rate else 1.0
    soft = {"begin": rate.annealing_epoch, "least": min(1.0, first) or 1e-6}
    examples, untouched = train.num_examples_per_epoch, EfficientDetSpec().train.num_examples_per_epoch
    return Learning(
        optimizer=train.optimizer.name,
        lr=rate.learning_rate,
        weight_decay=train.l2_weight_decay,
        momentum=train.optimizer.momentum,
        policy="exponential" if rate.name == "soft_anneal" else "cosine",
        policy_params=soft if rate.name == "soft_anneal" else {},
        warmup_epochs=rate.warmup_epoch,
        warmup_from=min(1.0, first),
        not_decayed=_NOT_DECAYED,
        l1=train.l1_weight_decay,
        clip_norm=train.clip_gradients_norm,
        precision="auto" if train.amp else "fp32",
        ema={"ema_decay": train.moving_average_decay} if train.moving_average_decay else None,
        one_batch=spec.dataset.use_fake_data,
        examples=examples if examples != untouched else None,
        ordered=spec.dataset.loader.shuffle_buffer == 1,
        prefetch=spec.dataset.loader.prefetch_size,
        validated_from=spec.evaluate.start_eval_epoch,
        pictures_every=train.validation_interval if train.image_preview else None,
    )


def _problems(spec: EfficientDetSpec) -> Iterator[SpecProblem]:
    for key in ("input_width", "input_height"):
        if (side := getattr(spec.model, key)) < SMALLEST:
            yield SpecProblem(f"model.{key}", f"must be at least {SMALLEST} pixels", side)
    kind = spec.train.iou_loss_type
    if kind not in OVERLAP_LOSSES:
        rule = f"must be empty or one of {', '.join(OVERLAP_LOSSES[1:])}"
        yield SpecProblem("train.iou_loss_type", rule, kind)
    if (epoch := spec.train.lr_schedule.annealing_epoch) < 0:
        yield SpecProblem("train.lr_schedule.annealing_epoch", "must be at least 0", epoch)
    if spec.train.moving_average_decay >= 1:
        rule = "must be from 0 to below 1"
        yield SpecProblem("train.moving_average_decay", rule, spec.train.moving_average_decay)
    pattern = spec.train.skip_checkpoint_variables
    try:
        re.compile(pattern)
    except re.error as error:
        rule = f"must be a regular expression: {error}"
        yield SpecProblem("train.skip_checkpoint_variables", rule, pattern)
    if not spec.dataset.augmentation.random_crop_min_scale:
        yield SpecProblem("dataset.augmentation.random_crop_min_scale", "must be above 0", 0.0)
