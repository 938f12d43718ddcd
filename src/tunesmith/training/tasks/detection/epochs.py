"""What the epochs of a training show."""

from collections.abc import Sequence

from tunesmith.networks.detection import DetectorSettings
from tunesmith.training.engine.loading import Again, Source
from tunesmith.training.run import Run
from tunesmith.training.tasks.base import TrainingData
from tunesmith.training.tasks.detection.annotations import DetectionSample
from tunesmith.training.tasks.detection.batches import DetectionBatch, DetectionSource, Images
from tunesmith.training.tasks.detection.samples import TrainingSamples, balanced


def training_data(
    run: Run, settings: DetectorSettings, samples: TrainingSamples, *, masks: bool
) -> TrainingData[DetectionBatch]:
    """The samples as batches, held in memory if they are few; with masks to learn from, if asked for."""
    train, validation = samples.train, samples.validation
    if settings.learning.dry_run:
        run.note("train.is_dry_run: one batch is trained and validated.")
        train, validation = train[: settings.batch_size], validation[: settings.batch_size]
    if settings.balanced:
        train = balanced(train)
    learnt, measured = (_held(run, one) for one in (train, validation))
    inputs = settings.inputs
    counts = f"{len(train)} images to learn from, {len(validation)} to validate on"
    return TrainingData(
        train=_epoch(run, settings, DetectionSource(learnt, inputs, varied=True, masks=masks)),
        plain=DetectionSource(learnt, inputs),
        validation=DetectionSource(measured, inputs) if validation else None,
        summary=f"{counts}, {len(samples.classes)} classes",
    )


def _epoch(run: Run, settings: DetectorSettings, source: DetectionSource) -> Source[DetectionBatch]:
    learning, whole = settings.learning, len(source)
    if learning.one_batch:
        run.note("The first batch is learnt again and again.")
        return Again(source, min(settings.batch_size, whole), learning.examples or whole)
    if learning.examples and learning.examples > whole:
        return Again(source, whole, learning.examples)
    return source


def _held(run: Run, samples: Sequence[DetectionSample]) -> Images:
    images = Images(samples)
    images.hold(run.raise_if_stopped)
    return images
