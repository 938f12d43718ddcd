"""The spec of segformer in the terms of the segmentation task."""

from tunesmith.networks.backbones import backbone_of
from tunesmith.networks.detection import Learning
from tunesmith.networks.segformer.spec import SegformerSpec, Segment
from tunesmith.networks.segmentation import Labelling, SegmenterSettings, Splits, Variation

_FALLS = 3  # of the rate by the policy step, over a whole training


def settings(spec: SegformerSpec) -> SegmenterSettings:
    """What the segmentation task asks of the spec."""
    segment, train, board = spec.dataset.segment, spec.train, spec.train.tensorboard
    backbone, given = spec.model.backbone, segment.augmentation
    known = backbone_of(backbone.type)
    note = f"The backbone {backbone.type} is built as timm's {known.timm_name}: {known.difference}."
    return SegmenterSettings(
        size=segment.img_size,
        mean=tuple(given.mean),
        std=tuple(given.std),
        variation=Variation(
            scaled_crop=given.with_scale_random_crop,
            cropped=given.with_random_crop,
            flip=given.random_flip,
            turn=given.random_rotate,
            colour=given.random_color,
            blurred=given.with_random_blur,
        ),
        labelling=labelling(segment),
        splits=Splits(
            segment.train_split, segment.validation_split, segment.test_split, segment.predict_split
        ),
        learning=_learning(spec),
        losses=tuple(train.segment.weights),
        batch_size=segment.batch_size,
        workers=segment.workers,
        shuffle=segment.shuffle,
        tensorboard_interval=board.infrequent_logging_frequency if board.enabled else None,
        section="dataset.segment",
        losses_key="train.segment.weights",
        subject=f"{backbone.type} on images of {segment.img_size} x {segment.img_size} pixels",
        facts={"backbone": backbone.type},
        files={
            "model.backbone.pretrained_backbone_path": (backbone.pretrained_backbone_path, "backbone"),
            "train.pretrained_model_path": (train.pretrained_model_path, ""),
        },
        notes=(note,) if known.difference else (),
    )


def labelling(segment: Segment) -> Labelling:
    """What the values of masks mean."""
    untouched = Segment()
    return Labelling(
        palette=segment.palette,
        num_classes=segment.num_classes,
        untouched=(untouched.palette, untouched.num_classes),
        widens=segment.label_transform == "norm",
    )


def _learning(spec: SegformerSpec) -> Learning:
    optim = spec.train.optim
    return Learning(
        optimizer=optim.optim,
        lr=optim.lr,
        weight_decay=optim.weight_decay,
        momentum=optim.momentum,
        policy=optim.policy,
        policy_params={"step_size": max(1, spec.train.num_epochs // _FALLS), "gamma": 0.1},
        precision=spec.train.precision,
    )
