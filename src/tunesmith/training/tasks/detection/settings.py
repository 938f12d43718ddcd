"""A detector's settings as the training engine's."""

from collections.abc import Iterator
from dataclasses import replace
from typing import Any, cast

from tunesmith.networks.detection import DetectorSettings, Inputs, Kept, Predicting, Resize
from tunesmith.specs import Block, SpecError, SpecProblem
from tunesmith.specs.blocks import detection as blocks
from tunesmith.training.engine.settings import LoopSettings, Precision
from tunesmith.training.tasks.detection.metrics import MOST
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
    height, width = settings.inputs.size
    return ImageFormat(height, width, settings.inputs.mean, settings.inputs.std)


def require_size(settings: DetectorSettings, width: int, height: int, section: str) -> None:
    """Hold the size that a section of the spec asks for, in pixels, against the model's stride.

    Raises:
        SpecError: it cannot take images of that size.
    """
    problems = [
        SpecProblem(f"{section}.{key}", f"must be a multiple of {settings.stride}", side)
        for key, side in (("input_width", width), ("input_height", height))
        if side % settings.stride
    ]
    if problems:
        raise SpecError(problems)


def inputs_as(inputs: Inputs, form: ImageFormat) -> Inputs:
    """The same inputs in another size and normalisation, whatever the size of the images."""
    sizing = inputs.evaluation
    aspect = sizing.keep_aspect if isinstance(sizing, Resize) else True
    sized = Resize(form.height, form.width, aspect)
    return replace(inputs, evaluation=sized, padded=None, mean=form.mean, std=form.std)


def loop(settings: DetectorSettings, spec: Block) -> LoopSettings:
    """Length, intervals and numbers of a training."""
    learning, train = settings.learning, cast("Any", spec).train
    return LoopSettings(
        epochs=1 if learning.dry_run else train.num_epochs,
        batch_size=settings.batch_size,
        workers=settings.workers,
        examples=learning.examples,
        shuffle=not learning.ordered,
        prefetch=learning.prefetch,
        seed=seed_of(spec),
        precision=cast("Precision", learning.precision),
        checkpoint_interval=train.checkpoint_interval,
        validation_interval=train.validation_interval,
        validation_start=learning.validated_from,
        clip_norm=learning.clip_norm,
        pin_memory=settings.pin_memory,
        tensorboard_interval=learning.pictures_every,
        **cast("dict[str, Any]", learning.ema or {}),
    )


def seed_of(spec: Block) -> int:
    """Networks name it differently."""
    train = cast("Any", spec).train
    return int(train.seed if hasattr(train, "seed") else train.random_seed)


def evaluating(settings: DetectorSettings, spec: Block) -> Predicting:
    """How an evaluation goes."""
    if settings.evaluating:
        return settings.evaluating
    own = cast("blocks.Evaluate", spec.value("evaluate"))
    return Predicting(
        settings.batch_size,
        settings.workers,
        Kept(MOST, own.conf_threshold),
        width=own.input_width,
        height=own.input_height,
    )


def inferring(settings: DetectorSettings, spec: Block) -> Predicting:
    """How an inference goes."""
    if settings.inferring:
        return settings.inferring
    own, untouched = cast("blocks.Inference", spec.value("inference")), blocks.Inference()
    return Predicting(
        settings.batch_size,
        settings.workers,
        Kept(settings.most, own.conf_threshold),
        width=own.input_width if own.input_width != untouched.input_width else None,
        height=own.input_height if own.input_height != untouched.input_height else None,
        colours=own.color_map,
        outline=own.outline_width,
        folders=own.is_internal,
    )


def _problems(settings: DetectorSettings, classes: int) -> Iterator[SpecProblem]:
    asked, untouched = settings.classes
    if asked not in (classes, classes + 1, untouched):
        rule = f"must be the number of categories, {classes}, or one more, or left at its default"
        yield SpecProblem("dataset.num_classes", rule, asked)
    if settings.learning.optimizer not in ("adamw", "adam", "sgd"):
        yield SpecProblem("train.optim.optimizer", "must be AdamW or SGD", settings.learning.optimizer)
