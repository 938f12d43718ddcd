"""What a detector's spec says, in the terms of the detection task: each network translates its own dialect.

Steps change an image and its boxes together. Torch-free: the task makes transforms of them.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from tunesmith.specs.blocks.actions import Export
from tunesmith.specs.blocks.detection import Train


@dataclass(frozen=True)
class Distort:
    """Vary brightness, contrast, saturation, hue and the order of colours, with a probability."""

    probability: float


@dataclass(frozen=True)
class ZoomOut:
    """Put the image into a larger black one, with a probability."""

    probability: float


@dataclass(frozen=True)
class IouCrop:
    """Cut out a part that overlaps a box by some share (SSD, Liu et al. 2016), with a probability."""

    probability: float


@dataclass(frozen=True)
class Flip:
    """Mirror left to right, with a probability."""

    probability: float


@dataclass(frozen=True)
class Resize:
    """Scale to a size in pixels; with `keep_aspect` to what fits into it, and fill up right and below."""

    height: int
    width: int
    keep_aspect: bool = False


@dataclass(frozen=True)
class ShortestSide:
    """Scale so that the shorter side is one of the sizes, and the longer one at most `longest` pixels."""

    sizes: tuple[int, ...]
    longest: int


@dataclass(frozen=True)
class Jitter:
    """Scale to between a tenth and twice of what fits into a square of this side (large-scale jitter)."""

    side: int


@dataclass(frozen=True)
class SizedCrop:
    """Cut out a part of random height and width, between two numbers of pixels."""

    smallest: int
    largest: int


@dataclass(frozen=True)
class ScaleJitter:
    """Scale by a random factor of what fits into a size, and cut this size out of what is larger."""

    height: int
    width: int
    smallest: float
    largest: float


@dataclass(frozen=True)
class Translate:
    """Move by a random distance, up to a share of the sides, with a probability."""

    share: float
    probability: float


@dataclass(frozen=True)
class Either:
    """One of two chains of steps, as often as the other."""

    first: "tuple[Step, ...]"
    second: "tuple[Step, ...]"


Step = (
    Distort
    | ZoomOut
    | IouCrop
    | Flip
    | Resize
    | ShortestSide
    | Jitter
    | SizedCrop
    | ScaleJitter
    | Translate
    | Either
)


@dataclass(frozen=True)
class Inputs:
    """How images become the inputs of a model.

    Attributes:
        training: steps that vary a training image.
        evaluation: the step that sizes any other image.
        padded: height and width that all inputs are filled up to; None fills up to the largest of a batch.
        marks_padding: a fourth channel is 1 where the image was filled up.
        sides: sides of squares, one of which a training batch is scaled to; none leaves it as it is.
        mean: of each colour, 0 to 1; one entry for grey inputs.
        std: the deviation of each colour.
        crowds: whether boxes around crowds are learnt like any other.
        most_objects: boxes of a training image that are learnt at most; None for all.
    """

    training: tuple[Step, ...]
    evaluation: Resize | ShortestSide
    padded: tuple[int, int] | None = None
    marks_padding: bool = False
    sides: tuple[int, ...] = ()
    mean: tuple[float, ...] = (0.0, 0.0, 0.0)
    std: tuple[float, ...] = (1.0, 1.0, 1.0)
    crowds: bool = False
    most_objects: int | None = None

    @property
    def size(self) -> tuple[int, int]:
        """Height and width of inputs that are not varied; of wide images, where the size differs."""
        if isinstance(self.evaluation, Resize):
            return self.evaluation.height, self.evaluation.width
        return self.padded or (self.evaluation.sizes[0], self.evaluation.longest)


@dataclass(frozen=True)
class Suppression:
    """Removes what is found several times: soft non-maximum suppression (Bodla et al. 2017).

    Attributes:
        sigma: of the Gaussian by which boxes of a class lose confidence where they overlap a surer one; 0
            drops those that overlap it by more than half.
        candidates: detections of an image that are looked at, the surest ones.
    """

    sigma: float
    candidates: int


@dataclass(frozen=True)
class Kept:
    """Which detections of an image are kept.

    Attributes:
        most: how many, the surest ones.
        threshold: the least confidence.
        suppression: what removes the same object found twice; None for models that find it once.
    """

    most: int
    threshold: float = 0.0
    suppression: Suppression | None = None


@dataclass(frozen=True)
class Predicting:
    """How a job evaluates or predicts.

    Attributes:
        batch_size: images a step.
        workers: processes that load images.
        kept: which detections count.
        images: how many are looked at, at most; None for all.
        width: of inputs in pixels; None for the trained one.
        height: of inputs in pixels; None for the trained one.
        colours: of the classes' boxes, by name.
        outline: width of the boxes in pixels.
        folders: whether files keep the folders of their images.
        labels: whether a text file is written for each image.
    """

    batch_size: int
    workers: int
    kept: Kept
    images: int | None = None
    width: int | None = None
    height: int | None = None
    colours: Mapping[str, Any] | None = None
    outline: int = 3
    folders: bool = False
    labels: bool = True


def clip_norm(of_training: float, of_model: float) -> float:
    """The largest norm of the gradient, out of the two keys that say it: train's, unless it is untouched."""
    usual = Train().clip_grad_norm
    return of_training if of_training != usual else of_model


@dataclass(frozen=True)
class Learning:
    """How the weights are learnt.

    Attributes:
        optimizer: adamw, adam or sgd.
        rates: other learning rates, by parts of parameters' names.
        policy: step, multistep, linear, cosine or exponential, with its parameters.
        warmup_steps: steps in which the rate rises, on top of warmup_epochs.
        warmup_from: the share of the rate at which it begins to rise.
        not_decayed: parts of the names of parameters that do not decay.
        l1: what the sum of all weights' sizes counts in the loss; biases and normalisation are left out.
        freeze: parts of the names of parameters that do not learn.
        ema: the arguments of the running average by the engine's names; None keeps none.
        clip_norm: largest norm of the gradient; 0 leaves it alone.
        precision: auto, fp32, bf16 or fp16.
        dry_run: a single batch, to see that all works.
        one_batch: the first batch again and again, to measure the speed without loading.
        examples: training images of an epoch; None for all of them, once.
        ordered: whether they come in the order of the dataset.
        prefetch: batches that each loading process keeps ready.
        validated_from: the first epoch that may be validated.
        pictures_every: epochs between two pictures of a batch in TensorBoard files; None writes no files.
    """

    optimizer: str
    lr: float
    weight_decay: float
    momentum: float
    policy: str
    policy_params: Mapping[str, object]
    rates: tuple[tuple[tuple[str, ...], float], ...] = ()
    warmup_steps: int = 0
    warmup_epochs: int = 0
    warmup_from: float = 0.0
    not_decayed: tuple[str, ...] = ()
    l1: float = 0.0
    clip_norm: float = 0.0
    precision: str = "auto"
    freeze: tuple[str, ...] = ()
    ema: Mapping[str, object] | None = None
    dry_run: bool = False
    one_batch: bool = False
    examples: int | None = None
    ordered: bool = False
    prefetch: int = 2
    validated_from: int = 1
    pictures_every: int | None = None
    verbose: bool = False


@dataclass(frozen=True)
class Distilling:
    """How a detector learns from another one.

    Attributes:
        kind: KL, CE, L1 or L2 compares predictions, FD (smooth L1) or CS (cosine) features.
        weight: of the comparison.
        begins: how the names of weights begin that are the teacher's at first, where shapes agree.
    """

    kind: str = "KL"
    weight: float = 1.0
    begins: tuple[str, ...] = ()


@dataclass(frozen=True)
class DetectorSettings:
    """What the detection task asks of a network's spec.

    Attributes:
        inputs: how images become inputs.
        learning: how the weights are learnt.
        most: detections kept of an image, the surest ones.
        classes: dataset.num_classes, and its default, which leaves the number to the data.
        evaluated: category ids to evaluate on; none for all.
        batch_size: images a step.
        workers: processes that load images.
        pin_memory: whether batches lie in memory that a GPU reads by itself.
        stride: sides of inputs are multiples of it.
        subject: the model in a few words, for messages.
        files: spec keys that name files of weights in the workspace, with the part of the model each fills.
        notes: what the user should know of how the model differs from the published one.
        balanced: learn from as many images of each dataset, those of small ones several times.
        threshold: the least confidence of a detection that counts in validation.
        distilling: how it learns from a teacher.
        metric_names: the names that the published API has for COCO's figures of this network, by the usual
            ones; what has none is reported as val_ and its usual name.
        records: keys of record files in the workspace to learn from, in the place of the datasets.
        validation_records: those to validate on, in the place of the evaluation dataset.
        skipped: a pattern of the names of weights that a file does not fill in.
        evaluating: how an evaluation goes, of networks with a section evaluate of their own.
        inferring: how an inference goes, of networks with a section inference of their own.
        export: how the model is exported, of networks with a section export of their own.
        graph_threshold: confidence below which what a graph finds does not count; it is told in the graph.
    """

    inputs: Inputs
    learning: Learning
    most: int
    classes: tuple[int, int]
    evaluated: tuple[int, ...]
    batch_size: int
    workers: int
    pin_memory: bool
    stride: int
    subject: str
    files: Mapping[str, tuple[str, str]] = field(default_factory=dict)
    notes: tuple[str, ...] = ()
    balanced: bool = False
    threshold: float = 0.0
    distilling: Distilling = Distilling()
    metric_names: Mapping[str, str] = field(default_factory=dict)
    records: tuple[str, ...] = ()
    validation_records: tuple[str, ...] = ()
    skipped: str = ""
    evaluating: Predicting | None = None
    inferring: Predicting | None = None
    export: Export | None = None
    graph_threshold: float = 0.0


def own_parts(parts: Sequence[str]) -> tuple[str, ...]:
    """Parts of parameters' names, as the published network has them, by the names they have here."""
    return tuple(part.replace("backbone.0", "backbone").removeprefix("transformer.") for part in parts)
