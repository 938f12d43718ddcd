"""What a spec says, in the terms of semantic segmentation: each network translates its own dialect.

Torch-free.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from tunesmith.networks.detection import Learning
from tunesmith.specs.blocks import augmentation


@dataclass(frozen=True)
class Variation:
    """How training images and their masks are varied at random.

    Attributes:
        scaled_crop: enlarge, then cut out.
        cropped: cut out a random part of the image.
        flip: mirror.
        turn: turn by one of several angles.
        colour: vary colours.
        blurred: blur some images.
    """

    scaled_crop: augmentation.ScaleRandomCrop
    cropped: bool
    flip: augmentation.RandomFlip
    turn: augmentation.RandomRotate
    colour: augmentation.RandomColor
    blurred: bool


@dataclass(frozen=True)
class Labelling:
    """What the values of masks mean.

    Attributes:
        palette: entries with label_id, mapping_class, seg_class and rgb.
        num_classes: the number of classes.
        untouched: palette and number of classes where the user left both to the data.
        widens: two classes may be given as 0 and 255.
    """

    palette: Sequence[Mapping[str, Any]]
    num_classes: int
    untouched: "tuple[Sequence[Mapping[str, Any]], int]"
    widens: bool


@dataclass(frozen=True)
class Splits:
    """The splits of the datasets that are learnt from, validated on, evaluated on, predicted."""

    train: str
    validation: str
    test: str
    predict: str


@dataclass(frozen=True)
class SegmenterSettings:
    """What the segmentation task asks of a network's spec.

    Attributes:
        size: side of the square that images are scaled to, in pixels.
        mean: of each colour, 0 to 1.
        std: the deviation of each colour.
        variation: of training images.
        labelling: what masks mean.
        splits: which images are used for what.
        learning: how the weights are learnt.
        losses: weights of the losses at the maps that the model mixes, the coarsest first, and of that at its
            output, the last.
        batch_size: images a step.
        workers: processes that load images.
        shuffle: whether training images come in random order.
        tensorboard_interval: epochs between two costly records; None writes none.
        section: where the keys of the data are in the spec, for messages.
        losses_key: the key of the losses' weights, for messages.
        subject: the model in a few words, for messages.
        facts: what else is told with an exported graph.
        files: spec keys that name files of weights in the workspace, with the part of the model each fills.
        notes: what the user should know of how the model differs from the published one.
    """

    size: int
    mean: tuple[float, ...]
    std: tuple[float, ...]
    variation: Variation
    labelling: Labelling
    splits: Splits
    learning: Learning
    losses: tuple[float, ...]
    batch_size: int
    workers: int
    shuffle: bool
    tensorboard_interval: int | None
    section: str
    losses_key: str
    subject: str
    facts: Mapping[str, str] = field(default_factory=dict)
    files: Mapping[str, tuple[str, str]] = field(default_factory=dict)
    notes: tuple[str, ...] = ()
