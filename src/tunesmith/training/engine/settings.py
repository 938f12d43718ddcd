"""What the engine must be told. Each task fills these in from its own spec, whose keys differ by network."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

Precision = Literal["auto", "fp32", "bf16", "fp16"]


@dataclass(frozen=True)
class LoopSettings:
    """The length of a training, its intervals and its numbers.

    Attributes:
        epochs: passes over the training data.
        batch_size: samples a step.
        workers: processes that load data; 0 loads in the training process.
        examples: samples of an epoch; if there are more, each epoch has others. None for all of them.
        shuffle: whether samples come in random order, a new one each epoch.
        seed: of every random choice; -1 takes a new one.
        precision: the number format, or "auto".
        checkpoint_interval: epochs between two kept checkpoints.
        validation_interval: epochs between two validations.
        validation_start: the first epoch that may be validated; the last one always is.
        clip_norm: the largest norm of the gradient; 0 leaves it alone.
        accumulated: batches whose mean gradient makes one step of the optimiser.
        ema_decay: the share of the averaged weights kept at each step; None keeps no average.
        ema_every: steps between two of which the average takes notice.
        ema_judged: whether the average is what is validated and kept as the model, or only saved beside it.
        ema_on_cpu: whether the average stays on the processor, where a GPU has no room for it.
        prefetch: batches that each loading process keeps ready.
        pin_memory: whether batches on their way to a GPU lie in memory that it reads by itself.
        tensorboard_interval: epochs between two costly TensorBoard records, 0 for none of them; None writes
            no TensorBoard files at all.
    """

    epochs: int
    batch_size: int
    workers: int = 0
    examples: int | None = None
    shuffle: bool = True
    seed: int = 0
    precision: Precision = "auto"
    checkpoint_interval: int = 1
    validation_interval: int = 1
    validation_start: int = 1
    clip_norm: float = 0.0
    accumulated: int = 1
    ema_decay: float | None = None
    ema_every: int = 1
    ema_judged: bool = True
    ema_on_cpu: bool = False
    prefetch: int = 2
    pin_memory: bool = True
    tensorboard_interval: int | None = None


@dataclass(frozen=True)
class Rate:
    """A learning rate of its own for the parameters whose name has one of these parts."""

    parts: tuple[str, ...]
    lr: float


@dataclass(frozen=True)
class OptimizerSettings:
    """An optimiser.

    Attributes:
        name: adamw, adam, sgd or rmsprop.
        lr: the learning rate.
        momentum: of sgd and rmsprop.
        nesterov: whether sgd looks ahead.
        eps: what adamw, adam and rmsprop add to the divisor.
        rho: the averaging rate of rmsprop.
        betas: the averaging rates of adam and adamw.
        skip_names: parameters whose name has one of these parts are not decayed.
        decayed: the numbers of dimensions of the parameters that are decayed; None for any.
        rates: other learning rates; the first one whose parts fit counts.
    """

    name: str
    lr: float
    weight_decay: float = 0.0
    momentum: float = 0.0
    betas: tuple[float, float] = (0.9, 0.999)
    skip_names: tuple[str, ...] = ()
    decayed: tuple[int, ...] | None = None
    nesterov: bool = False
    eps: float = 1e-8
    rho: float = 0.99
    rates: tuple[Rate, ...] = ()


@dataclass(frozen=True)
class ScheduleSettings:
    """How the learning rate changes.

    Attributes:
        policy: linear, step, cosine, multistep, annealed or exponential.
        parameters: power of linear; step_size (epochs) and gamma of step; milestones (epochs) and gamma of
            multistep; waves (half waves, 1 by default) of cosine; least (a share of the rate) of cosine,
            annealed and exponential; milestones (shares of the training) and gamma of annealed; begin (epochs
            that are over when it begins to fall) of exponential.
        warmup_epochs: epochs in which the learning rate rises to its full value.
        warmup_share: the share of all steps in which it does, on top of these epochs.
        warmup_steps: steps in which it does, on top of these epochs.
        warmup_from: the share of the rate at which the warm-up begins.
        decay: the rate is divided by one and this for each step that was done.
    """

    policy: str
    parameters: Mapping[str, Any] = field(default_factory=dict)
    warmup_epochs: int = 0
    warmup_share: float = 0.0
    warmup_steps: int = 0
    warmup_from: float = 0.0
    decay: float = 0.0
