"""The shape of a task. The verbs (train, evaluate, export, inference) know tasks by this alone.

A task has two parts. One is the model that predicts: it is kept and exported. The other is what trains it:
data, loss and metrics.
"""

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Generic, Protocol, Self, TypeVar, cast

from torch import Tensor, nn

from tunesmith.networks import Network
from tunesmith.protocol import Cause
from tunesmith.specs import Block
from tunesmith.specs.blocks.actions import OnnxExport
from tunesmith.specs.blocks.train import CuDNN
from tunesmith.training.engine.loading import Source
from tunesmith.training.engine.settings import LoopSettings, OptimizerSettings, ScheduleSettings
from tunesmith.training.engine.training import Meter, Training
from tunesmith.training.engine.weights import fit
from tunesmith.training.failures import JobError
from tunesmith.training.optimize.cuts import Cut, cut
from tunesmith.training.run import Run

BatchT = TypeVar("BatchT")


@dataclass(frozen=True)
class TrainingData(Generic[BatchT]):
    """What is learnt from and what is measured on.

    Attributes:
        train: varied at random.
        plain: the same samples as they are, for what is computed once.
        validation: None if there is nothing to validate on.
        summary: for the log: "1297 images for training, 250 for validation, 10 classes".
    """

    train: Source[BatchT]
    plain: Source[BatchT]
    validation: Source[BatchT] | None
    summary: str


@dataclass(frozen=True)
class ExportPlan:
    """How a model becomes a graph.

    Attributes:
        module: takes the input tensor and the companions, returns one tensor for each output.
        example: an input of the shape that the graph is to take, with a batch of at least two.
        input_name: the name of the input.
        output_names: the names of the outputs; the first is what the model itself returns.
        metadata: what a user of the graph must know, as text by name.
        labels: the names of the outputs' columns, if they have any.
        companions: further inputs by name, in the module's order, with a batch of one: the same for all
            samples, such as the text that images are searched for.
    """

    module: nn.Module
    example: Tensor
    input_name: str
    output_names: tuple[str, ...]
    metadata: dict[str, str] = field(default_factory=dict)
    labels: tuple[str, ...] = ()
    companions: Mapping[str, Tensor] = field(default_factory=dict)

    def arguments(self, inputs: Tensor) -> tuple[Tensor, ...]:
        """What the module takes for a batch of inputs."""
        count = len(inputs)
        return (
            inputs,
            *(one.expand(count, *one.shape[1:]).contiguous() for one in self.companions.values()),
        )

    def run(self, inputs: Tensor) -> Sequence[Tensor]:
        """The outputs of the module for a batch of inputs."""
        found: Sequence[Tensor] = self.module(*self.arguments(inputs))
        return found


class Report(Protocol):
    """Collects predictions and writes them as files."""

    def update(self, outputs: Any, batch: Any) -> None:
        """Take in what the model returned for a batch."""

    def write(self, folder: Path) -> dict[str, Any]:
        """Write the files. Returns the figures for the job's outcome."""
        ...


@dataclass(frozen=True)
class Work(Generic[BatchT]):
    """What to run a model over, and what collects its predictions.

    Attributes:
        source: the samples.
        report: writes the files.
        batch_size: samples a step.
        workers: processes that load them.
        meter: of the metrics, where answers are known.
    """

    source: Source[BatchT]
    report: Report
    batch_size: int
    workers: int
    meter: Meter[BatchT] | None = None


class Task(ABC, Generic[BatchT]):
    """One job's view of its task.

    Attributes:
        run: the job.
        network: what it trains.
        spec: its spec; for a model that exists, the spec it was trained with.
        classes: the names of what the model tells apart, in the order of its outputs.
        cuts: what pruning removed of the model that the spec describes.
        continues: whether a training begins with the model of its parent job, where it has one.
    """

    cuts: Sequence[Cut] = ()
    continues = False

    def __init__(self, run: Run, network: Network, spec: Block, classes: tuple[str, ...]) -> None:
        self.run, self.network, self.spec, self.classes = run, network, spec, classes

    @classmethod
    @abstractmethod
    def for_training(cls, run: Run, network: Network, spec: Block, seed: int) -> Self:
        """The task of a job that trains: its classes are the datasets'. The seed chooses held-out data.

        Raises:
            DatasetError: the datasets cannot be trained on.
            SpecError: the spec does not go with them.
        """

    @classmethod
    def seed_of(cls, spec: Block) -> int:
        """The seed that a spec asks for; -1 for a new one."""
        return int(spec.value("train.seed"))

    @classmethod
    def cudnn_of(cls, spec: Block) -> CuDNN:
        """The options of NVIDIA's convolution library that a spec asks for."""
        return cast("CuDNN", spec.value("train.cudnn"))

    # What predicts.

    @property
    @abstractmethod
    def subject(self) -> str:
        """What is trained on what, for messages: "resnet18 on images of 32 x 32 pixels"."""

    @abstractmethod
    def build_model(self) -> nn.Module:
        """The model as the spec describes it, with random weights."""

    def shaped(self, model: nn.Module) -> nn.Module:
        """A model of the spec, without the channels that pruning removed; it is changed in place."""
        if self.cuts:
            cut(model, self.example_input(), self.cuts)
        return model

    @abstractmethod
    def example_input(self) -> Tensor:
        """An input of the model, of the size that it was trained on, with a batch of one."""

    def output_layers(self, model: nn.Module) -> Sequence[nn.Module]:  # noqa: ARG002 - tasks say which
        """The layers that make the model's outputs: pruning leaves them whole."""
        return ()

    @abstractmethod
    def load_pretrained(self, model: nn.Module) -> None:
        """Fill in the weights that the spec names, if it names any."""

    def take_over(self, model: nn.Module, weights: Mapping[str, Tensor], source: str) -> str:
        """Fill in what fits of another model's weights. Returns a sentence on it.

        Raises:
            JobError: nothing fits.
        """
        fitting = fit(model, weights)
        if not fitting.matched:
            raise JobError(
                Cause.PARENT,
                f"No weight of {source} fits {self.subject}.",
                "Train it with the architecture that its parent has.",
            )
        return fitting.sentence(source)

    @abstractmethod
    def inputs(self, batch: BatchT) -> Tensor:
        """What the model takes, out of a batch."""

    def outputs(self, found: Sequence[Tensor]) -> Any:
        """What the model itself returns, out of the outputs of its graph: the first of them by default."""
        return found[0]

    def companions(self) -> Mapping[str, Tensor]:
        """What a graph takes beside its input in this job; nothing leaves it at what the export kept."""
        return {}

    # What trains it.

    @abstractmethod
    def training_data(self) -> TrainingData[BatchT]:
        """The data to learn from and to measure on."""

    @abstractmethod
    def training(self, model: nn.Module) -> Training[BatchT]:
        """The model together with its loss."""

    def distillation(
        self,
        training: Training[BatchT],
        teacher: "Task[BatchT]",
        model: nn.Module,
    ) -> Training[BatchT]:
        """A training that holds the model against its teacher's too.

        Args:
            training: of the model alone.
            teacher: the task as the teacher was trained.
            model: the teacher, in evaluation mode and frozen.

        Raises:
            NotImplementedError: a network has the action distill, and its task does not know how.
        """
        raise NotImplementedError(f"{type(training).__name__} knows no distillation")

    @abstractmethod
    def meter(self) -> Meter[BatchT]:
        """A new meter of the task's metrics."""

    @abstractmethod
    def loop(self) -> LoopSettings:
        """Length, intervals and numbers of the training."""

    @abstractmethod
    def optimizer(self) -> OptimizerSettings:
        """The optimiser."""

    @abstractmethod
    def schedule(self) -> ScheduleSettings:
        """The learning-rate schedule."""

    # What is done with a trained model.

    def export_settings(self, spec: Block) -> OnnxExport:
        """How a job exports; a network whose section says less is exported as usual."""
        section = spec.value("export")
        return section if isinstance(section, OnnxExport) else OnnxExport()

    @abstractmethod
    def export_plan(self, weights: dict[str, Tensor], spec: Block) -> ExportPlan:
        """How a model with these weights becomes a graph, by the job's own spec.

        Raises:
            SpecError: no model can take the input that is asked for.
        """

    @abstractmethod
    def example_inputs(self, plan: ExportPlan, count: int) -> Tensor:
        """Inputs for the graph: real ones if a dataset is here, else random ones."""

    def adopt_weights(self, weights: Mapping[str, Tensor]) -> None:
        """Learn from the weights of a trained model what its spec does not say, before it is built."""

    @abstractmethod
    def adopt_graph(self, metadata: Mapping[str, str]) -> None:
        """Prepare data as an exported graph wants it; its metadata are those of its plan."""

    def prepared(self, model: nn.Module, spec: Block) -> nn.Module:  # noqa: ARG002 - most predict in one way
        """The model as it is to predict, by the job's own spec."""
        return model

    @abstractmethod
    def evaluation(self, spec: Block) -> Work[BatchT]:
        """Samples with known answers, and the report on them, by the job's own spec."""

    @abstractmethod
    def inference(self, spec: Block) -> Work[BatchT]:
        """Samples to predict, and the report on them, by the job's own spec."""
