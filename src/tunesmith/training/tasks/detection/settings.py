"""A detector's settings as the training engine's."""

from collections.abc import Iterator
from typing import Any, cast

from tunesmith.networks.detection import DetectorSettings, Resize
from tunesmith.specs import Block, SpecError, SpecProblem
from tunesmith.training.engine.settings import LoopSettings, Precision
from tunesmith.training.tasks.image_format import ImageFormat


def check(settings: DetectorSettings, classes: int) -> None:
    """Hold the spec against the data's number of classes. The DETR family counts one more.

    Raises:
        SpecError: they differ.
    """
    if problems := list(_problems(settings, classes)):
        raise SpecError(problems)


def image_format(settings: DetectorSettings) -> ImageFormat:
    """What images that are not varied look like to the model, where all of them have one size."""
    sizing = settings.inputs.evaluation
    if isinstance(sizing, Resize):
        height, width = sizing.height, sizing.width
    else:
        height, width = settings.inputs.padded or (sizing.sizes[0], sizing.longest)
    return ImageFormat(height, width, settings.inputs.mean, settings.inputs.std)


def loop(settings: DetectorSettings, spec: Block) -> LoopSettings:
    """Length, intervals and numbers of a training."""
    learning, train = settings.learning, cast("Any", spec).train
    return LoopSettings(
        epochs=1 if learning.dry_run else train.num_epochs,
        batch_size=settings.batch_size,
        workers=settings.workers,
        seed=train.seed,
        precision=cast("Precision", learning.precision),
        checkpoint_interval=train.checkpoint_interval,
        validation_interval=train.validation_interval,
        clip_norm=learning.clip_norm,
        pin_memory=settings.pin_memory,
        **cast("dict[str, Any]", learning.ema or {}),
    )


def _problems(settings: DetectorSettings, classes: int) -> Iterator[SpecProblem]:
    asked, untouched = settings.classes
    if asked not in (classes, classes + 1, untouched):
        rule = f"must be the number of categories, {classes}, or one more, or left at its default"
        yield SpecProblem("dataset.num_classes", rule, asked)
    if settings.learning.optimizer not in ("adamw", "adam", "sgd"):
        yield SpecProblem("train.optim.optimizer", "must be AdamW or SGD", settings.learning.optimizer)
