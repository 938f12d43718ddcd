"""What the task asks of a spec."""

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from torch import Tensor

from tunesmith.specs import SpecError, SpecProblem
from tunesmith.specs.blocks.actions import OnnxExport
from tunesmith.training.engine.settings import LoopSettings, OptimizerSettings, ScheduleSettings
from tunesmith.training.tasks.image_format import ImageFormat

Varied = Callable[[Tensor], Tensor]
Mixed = Callable[[Tensor, Tensor], tuple[Tensor, Tensor]]


@dataclass(frozen=True)
class Weights:
    """A file of the workspace that a training begins with.

    Attributes:
        key: the spec's key that names it.
        file: its name.
        head: whether the classifier is taken over too.
    """

    key: str
    file: str
    head: bool


@dataclass(frozen=True)
class Predicting:
    """How predicting goes: samples a step, loading processes, a sheet each so many batches.

    `names` is a file of the workspace that names the classes in reports; empty for the model's own names.
    """

    batch_size: int
    workers: int
    draw_every: int = 1
    names: str = ""


class Dialect(ABC):
    """A spec of a network that classifies images."""

    accuracy = "acc_1"
    """The name of the top-1 accuracy."""
    logistic = False
    """Whether the classifier is fitted once on frozen features."""
    penalised: tuple[int, ...] | None = None
    """The numbers of dimensions of the weights that a penalty is on; None for all."""
    smoothing = 0.0
    """The share of a label that is spread over all classes."""
    l1 = 0.0
    """What the sum of all weights' sizes counts in the loss."""
    keeps_head = False
    """Whether the classifier of a base experiment is taken over, where it fits."""

    @property
    @abstractmethod
    def backbone(self) -> str:
        """The backbone, by the spec's name."""

    @property
    @abstractmethod
    def difference(self) -> str:
        """How the model differs from the published one of that name, in sentences; empty if it does not."""

    @property
    @abstractmethod
    def seed(self) -> int:
        """Of every random choice; -1 for a new one."""

    @property
    @abstractmethod
    def topk(self) -> list[int]:
        """The k of the top-k accuracies that are reported beside the first."""

    @abstractmethod
    def form(self) -> ImageFormat:
        """What images look like to the model.

        Raises:
            SpecError: a key of it cannot be used.
        """

    @abstractmethod
    def loop(self) -> LoopSettings:
        """Length, intervals and numbers of a training."""

    @abstractmethod
    def optimizer(self) -> OptimizerSettings:
        """The optimiser."""

    @abstractmethod
    def schedule(self) -> ScheduleSettings:
        """The learning-rate schedule."""

    @abstractmethod
    def variation(self) -> Varied | None:
        """What changes one uint8 image (3, height, width) at random; None if nothing does."""

    @abstractmethod
    def mixing(self, classes: int) -> Mixed | None:
        """What mixes the images and labels of a batch; None if nothing does."""

    @abstractmethod
    def weights(self) -> Iterator[Weights]:
        """The files that a training begins with, in order."""

    @abstractmethod
    def export(self) -> OnnxExport:
        """How the model is exported."""

    @abstractmethod
    def evaluating(self) -> Predicting:
        """How an evaluation goes."""

    @abstractmethod
    def inferring(self) -> Predicting:
        """How an inference goes."""

    @abstractmethod
    def problems(self, classes: int) -> Iterator[SpecProblem]:
        """What is wrong with the spec for data of so many classes, and what keys do not go together."""

    def erasing(self) -> Varied | None:
        """What blanks a part of one normalised image at random; None if nothing does."""
        return None

    def check(self, classes: int) -> None:
        """Hold the spec against the data's number of classes, and its keys against each other.

        Raises:
            SpecError: with everything that is wrong.
        """
        if problems := list(self.problems(classes)):
            raise SpecError(problems)
