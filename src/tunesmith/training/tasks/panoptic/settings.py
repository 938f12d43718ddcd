"""A masker's settings as the training engine's."""

from dataclasses import replace
from typing import Any, cast

from tunesmith.networks.detection import Resize
from tunesmith.networks.panoptic import MaskerSettings
from tunesmith.specs import Block, SpecError, SpecProblem
from tunesmith.training.engine.settings import LoopSettings, OptimizerSettings, Precision
from tunesmith.training.tasks import learning
from tunesmith.training.tasks.image_format import ImageFormat
from tunesmith.training.tasks.panoptic.batches import Inputs

_CLASSES = "model.sem_seg_head.num_classes"


def check(settings: MaskerSettings, classes: int) -> None:
    """Hold the spec against the data's number of classes.

    Raises:
        SpecError: they differ.
    """
    asked, untouched = settings.classes
    if asked not in (classes, untouched):
        rule = f"must be the number of classes of the data, {classes}, or left at its default"
        raise SpecError([SpecProblem(_CLASSES, rule, asked)])


def image_format(settings: MaskerSettings) -> ImageFormat:
    """What training images look like to the model."""
    sizing = settings.train.sizing
    height, width = settings.crop or ((sizing.height, sizing.width) if isinstance(sizing, Resize) else (0, 0))
    stride = settings.stride
    height, width = (-(-side // stride) * stride for side in (height, width))
    return ImageFormat(height, width, settings.mean, settings.std)


def training_inputs(settings: MaskerSettings, form: ImageFormat) -> Inputs:
    """How training images become inputs, varied at random."""
    return replace(
        plain_inputs(settings, form), sizing=settings.train.sizing, crop=settings.crop, varied=True
    )


def plain_inputs(settings: MaskerSettings, form: ImageFormat) -> Inputs:
    """How images become inputs that are evaluated on."""
    return Inputs(form, settings.evaluate.sizing, settings.stride, merged=settings.mode == "semantic")


def loop(settings: MaskerSettings, spec: Block) -> LoopSettings:
    """Length, intervals and numbers of a training."""
    known, train = settings.learning, cast("Any", spec).train
    return LoopSettings(
        epochs=1 if known.dry_run else train.num_epochs,
        batch_size=settings.train.batch_size,
        workers=settings.train.workers,
        seed=train.seed,
        precision=cast("Precision", known.precision),
        checkpoint_interval=train.checkpoint_interval,
        validation_interval=train.validation_interval,
        clip_norm=known.clip_norm,
        pin_memory=settings.pin_memory,
    )


def optimizer(settings: MaskerSettings) -> OptimizerSettings:
    """The optimiser."""
    return replace(learning.optimizer(settings.learning), betas=settings.betas)
