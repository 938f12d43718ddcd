"""Reads a classification spec for the engine, and checks what single keys cannot show."""

from collections.abc import Iterator
from typing import cast

from tunesmith.networks.classification_pyt.spec import ClassificationSpec
from tunesmith.specs import SpecError, SpecProblem
from tunesmith.training.engine.settings import (
    LoopSettings,
    OptimizerSettings,
    Precision,
    ScheduleSettings,
)
from tunesmith.training.tasks.image_format import ImageFormat


def check(spec: ClassificationSpec, classes: int) -> None:
    """Hold the spec against the data's number of classes, and its keys against each other.

    Raises:
        SpecError: with everything that is wrong.
    """
    if problems := list(_problems(spec, classes)):
        raise SpecError(problems)


def image_format(spec: ClassificationSpec) -> ImageFormat:
    """What images look like to the model.

    Raises:
        SpecError: a key of it cannot be used.
    """
    dataset = spec.dataset
    return ImageFormat.square(
        dataset.img_size, dataset.augmentation.mean, dataset.augmentation.std, "dataset"
    )


def loop(spec: ClassificationSpec) -> LoopSettings:
    """Length, intervals and numbers of a training."""
    train, board = spec.train, spec.train.tensorboard
    return LoopSettings(
        epochs=train.num_epochs,
        batch_size=spec.dataset.batch_size,
        workers=spec.dataset.workers,
        shuffle=spec.dataset.shuffle,
        seed=train.seed,
        precision=cast("Precision", train.precision),
        checkpoint_interval=train.checkpoint_interval,
        validation_interval=train.validation_interval,
        clip_norm=train.clip_grad_norm,
        ema_decay=train.ema_decay if train.enable_ema else None,
        tensorboard_interval=board.infrequent_logging_frequency if board.enabled else None,
    )


def optimizer(spec: ClassificationSpec) -> OptimizerSettings:
    """The optimiser."""
    optim = spec.train.optim
    return OptimizerSettings(
        name=optim.optim,
        lr=optim.lr,
        weight_decay=optim.weight_decay,
        momentum=optim.momentum,
        betas=(optim.betas[0], optim.betas[1]),
        skip_names=tuple(optim.skip_names),
    )


def schedule(spec: ClassificationSpec) -> ScheduleSettings:
    """The learning-rate schedule."""
    optim = spec.train.optim
    return ScheduleSettings(optim.policy, dict(optim.policy_params), optim.warmup_epochs)


def _problems(spec: ClassificationSpec, classes: int) -> Iterator[SpecProblem]:
    asked = spec.dataset.num_classes
    if asked not in (classes, ClassificationSpec().dataset.num_classes):
        rule = f"must be the number of classes in classes.txt, {classes}, or left at its default"
        yield SpecProblem("dataset.num_classes", rule, asked)
    if any(k < 1 for k in spec.model.head.topk):
        yield SpecProblem("model.head.topk", "must hold whole numbers of at least 1", spec.model.head.topk)
    betas = spec.train.optim.betas
    if len(betas) != 2 or not all(0 <= beta < 1 for beta in betas):
        yield SpecProblem("train.optim.betas", "must hold two numbers from 0 to below 1", betas)
    if not 0 <= spec.train.ema_decay < 1:
        yield SpecProblem("train.ema_decay", "must be from 0 to below 1", spec.train.ema_decay)
    if spec.train.clip_grad_norm < 0:
        yield SpecProblem("train.clip_grad_norm", "must be at least 0", spec.train.clip_grad_norm)
