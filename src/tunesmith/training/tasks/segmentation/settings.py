"""A segmenter's settings as the training engine's."""

from typing import Any, cast

from tunesmith.networks.segmentation import SegmenterSettings
from tunesmith.specs import Block, SpecError, SpecProblem
from tunesmith.training.engine.settings import LoopSettings, Precision
from tunesmith.training.tasks.image_format import ImageFormat


def image_format(settings: SegmenterSettings) -> ImageFormat:
    """What images look like to the model.

    Raises:
        SpecError: a key of it cannot be used.
    """
    return ImageFormat.square(settings.size, settings.mean, settings.std, settings.section)


def loss_weights(settings: SegmenterSettings, levels: int) -> tuple[float, ...]:
    """Weights of the losses at the maps, the coarsest first, and of that at the output.

    Raises:
        SpecError: there are too few for so many maps, one is negative, or the output has none.
    """
    weights = settings.losses
    if len(weights) <= levels or min(weights) < 0 or not weights[-1]:
        rule = f"must hold {levels + 1} numbers of at least 0, the last one above 0"
        raise SpecError([SpecProblem(settings.losses_key, rule, list(weights))])
    return weights


def loop(settings: SegmenterSettings, spec: Block) -> LoopSettings:
    """Length, intervals and numbers of a training."""
    train = cast("Any", spec).train
    return LoopSettings(
        epochs=train.num_epochs,
        batch_size=settings.batch_size,
        workers=settings.workers,
        shuffle=settings.shuffle,
        seed=train.seed,
        precision=cast("Precision", settings.learning.precision),
        checkpoint_interval=train.checkpoint_interval,
        validation_interval=train.validation_interval,
        clip_norm=settings.learning.clip_norm,
        tensorboard_interval=settings.tensorboard_interval,
    )
