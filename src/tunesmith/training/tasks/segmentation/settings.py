"""Reads a segmentation spec for the engine, and checks what single keys cannot show."""

from typing import cast

from tunesmith.networks.segformer.spec import SegformerSpec
from tunesmith.specs import SpecError, SpecProblem
from tunesmith.training.engine.settings import LoopSettings, OptimizerSettings, Precision, ScheduleSettings
from tunesmith.training.tasks.image_format import ImageFormat

_FALLS = 3  # of the rate by the policy step, over a whole training


def image_format(spec: SegformerSpec) -> ImageFormat:
    """What images look like to the model.

    Raises:
        SpecError: a key of it cannot be used.
    """
    segment = spec.dataset.segment
    return ImageFormat.square(
        segment.img_size, segment.augmentation.mean, segment.augmentation.std, "dataset.segment"
    )


def loss_weights(spec: SegformerSpec) -> list[float]:
    """Weights of the losses at the maps, the coarsest first, and of that at the output.

    Raises:
        SpecError: there are too few, one is negative, or the output has none.
    """
    weights, levels = spec.train.segment.weights, len(spec.model.decode_head.in_index)
    if len(weights) <= levels or min(weights) < 0 or not weights[-1]:
        rule = f"must hold {levels + 1} numbers of at least 0, the last one above 0"
        raise SpecError([SpecProblem("train.segment.weights", rule, weights)])
    return weights


def loop(spec: SegformerSpec) -> LoopSettings:
    """Length, intervals and numbers of a training."""
    train, segment, board = spec.train, spec.dataset.segment, spec.train.tensorboard
    return LoopSettings(
        epochs=train.num_epochs,
        batch_size=segment.batch_size,
        workers=segment.workers,
        shuffle=segment.shuffle,
        seed=train.seed,
        precision=cast("Precision", train.precision),
        checkpoint_interval=train.checkpoint_interval,
        validation_interval=train.validation_interval,
        tensorboard_interval=board.infrequent_logging_frequency if board.enabled else None,
    )


def optimizer(spec: SegformerSpec) -> OptimizerSettings:
    """The optimiser."""
    optim = spec.train.optim
    return OptimizerSettings(
        name=optim.optim, lr=optim.lr, weight_decay=optim.weight_decay, momentum=optim.momentum
    )


def schedule(spec: SegformerSpec) -> ScheduleSettings:
    """The learning-rate schedule; step falls to a tenth after each third of the training."""
    size = max(1, spec.train.num_epochs // _FALLS)
    return ScheduleSettings(spec.train.optim.policy, {"step_size": size, "gamma": 0.1}, 0)
