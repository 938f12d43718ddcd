"""What a spec says, in the terms of segmentation by masks: each network translates its own dialect.

Torch-free.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

from tunesmith.networks.detection import Learning, Resize, ShortestSide

Mode = Literal["panoptic", "instance", "semantic"]
"""Objects and grounds, each pixel in one of them; objects alone, which may overlap; classes of pixels."""

Reading = Literal["segments", "instances"]
"""What is read of a panoptic dataset."""


@dataclass(frozen=True)
class Use:
    """How images are used: to learn from, to evaluate on, to predict.

    Attributes:
        reading: what is read of panoptic datasets.
        sizing: what sizes the images.
        batch_size: images a step.
        workers: processes that load images.
        files: files of the workspace in the place of a dataset's own `instances`, `segments` and `label_map`,
            each as the spec's key and the file's.
    """

    reading: Reading
    sizing: Resize | ShortestSide
    batch_size: int
    workers: int
    files: Mapping[str, tuple[str, str]] = field(default_factory=dict)


@dataclass(frozen=True)
class Merging:
    """How predicted masks become segments.

    Attributes:
        threshold: the least confidence of a mask.
        overlap: the least share of a mask that must be visible beside surer ones.
        most: objects of an image at most.
    """

    threshold: float
    overlap: float
    most: int


@dataclass(frozen=True)
class MaskerSettings:
    """What the task asks of a network's spec.

    Attributes:
        mode: what is learnt and predicted.
        train: images to learn from.
        evaluate: images to validate and to evaluate on.
        predict: images to predict.
        crop: height and width of what is cut out of training images.
        mean: of each colour, 0 to 1.
        std: the deviation of each colour.
        merging: how masks become segments.
        learning: how the weights are learnt.
        betas: the averaging rates of the optimiser.
        classes: the number of classes that the spec names, and its default, which leaves it to the data.
        steps: of an epoch; None sees each image once.
        pin_memory: whether batches lie in memory that a GPU reads by itself.
        stride: sides of inputs are filled up to multiples of it.
        subject: the model in a few words, for messages.
        files: spec keys that name files of weights in the workspace, with the part of the model each fills.
        notes: what the user should know of how the model differs from the published one.
    """

    mode: Mode
    train: Use
    evaluate: Use
    predict: Use
    crop: tuple[int, int] | None
    mean: tuple[float, ...]
    std: tuple[float, ...]
    merging: Merging
    learning: Learning
    betas: tuple[float, float]
    classes: tuple[int, int]
    steps: int | None
    pin_memory: bool
    stride: int
    subject: str
    files: Mapping[str, tuple[str, str]] = field(default_factory=dict)
    notes: tuple[str, ...] = ()
