"""Image classification, as the verbs see it."""

from collections.abc import Mapping
from importlib import import_module
from typing import Self, cast

import torch
from torch import Tensor, nn

from tunesmith.data.classification import Sample
from tunesmith.data.classmap import read_classmap
from tunesmith.data.errors import DatasetError
from tunesmith.networks import Network
from tunesmith.networks.classifier import Classifier
from tunesmith.specs import Block, SpecError, SpecProblem
from tunesmith.specs.blocks.train import CuDNN
from tunesmith.training.base_models import weights_of
from tunesmith.training.engine.settings import LoopSettings, OptimizerSettings, ScheduleSettings
from tunesmith.training.engine.training import Training
from tunesmith.training.engine.weights import load_weights, workspace_file
from tunesmith.training.run import Run
from tunesmith.training.tasks.base import ExportPlan, Task, TrainingData, Work
from tunesmith.training.tasks.classification.data import (
    TrainingSamples,
    images_to_predict,
    labelled_samples,
    samples_at_hand,
    training_samples,
)
from tunesmith.training.tasks.classification.dialects import dialect_of
from tunesmith.training.tasks.classification.dialects.base import Predicting
from tunesmith.training.tasks.classification.distillation import Distillation
from tunesmith.training.tasks.classification.evaluation import EvaluationReport
from tunesmith.training.tasks.classification.images import ImageBatch, ImageSource
from tunesmith.training.tasks.classification.metrics import ClassificationMeter
from tunesmith.training.tasks.classification.predictions import InferenceReport, Sheets
from tunesmith.training.tasks.classification.training import ClassificationTraining, LogisticTraining
from tunesmith.training.tasks.graphs import (
    Returned,
    export_plan,
    graph_format,
    graph_input,
    load_resized,
    noise_of,
)
from tunesmith.training.tasks.image_format import ImageFormat
from tunesmith.training.tasks.pixels import Pixels

_RETURNED = Returned(("logits", "probs"), lambda logits: (logits, logits.softmax(dim=1)))


class Classification(Task[ImageBatch]):
    """Tells classes of images apart.

    Attributes:
        form: what images look like to the model.
        dialect: the spec, as every network of this task answers.
    """

    def __init__(
        self,
        run: Run,
        network: Network,
        spec: Block,
        classes: tuple[str, ...],
        samples: TrainingSamples | None = None,
    ) -> None:
        super().__init__(run, network, spec, classes)
        self.dialect = dialect_of(network, spec)
        self.form = self.dialect.form()
        self._samples = samples
        self.dialect.check(len(classes))

    @classmethod
    def for_training(cls, run: Run, network: Network, spec: Block, seed: int) -> Self:
        """The task of a job that trains, on the datasets of its request."""
        samples = training_samples(run, seed)
        return cls(run, network, spec, samples.classes, samples)

    @classmethod
    def seed_of(cls, spec: Block) -> int:
        """Networks name it differently."""
        train = spec.value("train")
        return int(train.seed if hasattr(train, "seed") else train.random_seed)

    @classmethod
    def cudnn_of(cls, spec: Block) -> CuDNN:
        """Not every network has the section."""
        found: CuDNN = getattr(spec.value("train"), "cudnn", CuDNN())
        return found

    @property
    def subject(self) -> str:
        """The backbone and the image size."""
        return f"{self.dialect.backbone} on images of {self.form.width} x {self.form.height} pixels"

    def build_model(self) -> nn.Module:
        """The classifier of the spec, with random weights."""
        return self._build(self.form)

    def example_input(self) -> Tensor:
        """A black image."""
        return torch.zeros(1, self.form.channels, self.form.height, self.form.width)

    def output_layers(self, model: nn.Module) -> list[nn.Module]:
        """The classifier."""
        return [cast("Classifier", model).head]

    def load_pretrained(self, model: nn.Module) -> None:
        """Fill in the base experiments' weights, then those that the spec names: backbone, whole model."""
        classifier, dialect = cast("Classifier", model), self.dialect
        if dialect.difference:
            self.run.note(dialect.difference)
        head = classifier.head_names
        for base in self.run.request.base_models:
            file = weights_of(self.run, base)
            ignored = () if dialect.keeps_head else head
            fitted = load_weights(classifier.net, file, f"base_experiment {base.name}", ignored)
            anew = (
                "" if dialect.keeps_head else f" The classifier of {len(self.classes)} classes begins anew."
            )
            self.run.note(f"{fitted}{anew}")
        for given in dialect.weights():
            if given.file:
                file = workspace_file(self.run, given.file, given.key)
                self.run.note(load_weights(classifier.net, file, given.key, () if given.head else head))

    def inputs(self, batch: ImageBatch) -> Tensor:
        """The images."""
        return batch.images

    def training_data(self) -> TrainingData[ImageBatch]:
        """The images of the request, held in memory if they are few."""
        assert self._samples is not None  # noqa: S101 - for_training gave them
        train, validation = (
            self._pixels(samples) for samples in (self._samples.train, self._samples.validation)
        )
        varied = ImageSource(
            train,
            vary=self.dialect.variation(),
            spoil=self.dialect.erasing(),
            mix=self.dialect.mixing(len(self.classes)),
        )
        counts = f"{len(train.samples)} images to learn from, {len(validation.samples)} to validate on"
        return TrainingData(
            train=varied,
            plain=ImageSource(train),
            validation=ImageSource(validation) if validation.samples else None,
            summary=f"{counts}, {len(self.classes)} classes",
        )

    def training(self, model: nn.Module) -> Training[ImageBatch]:
        """Cross entropy; or, for the logistic head, a fit on frozen features."""
        if self.dialect.logistic:
            return LogisticTraining(model, self.form, self.dialect.smoothing)
        own = self.dialect
        return ClassificationTraining(model, self.form, own.smoothing, own.l1, own.penalised)

    def distillation(
        self, training: Training[ImageBatch], teacher: Task[ImageBatch], model: nn.Module
    ) -> Training[ImageBatch]:
        """The student's loss, and how far its logits or features are from the teacher's."""
        taught = cast("Classification", teacher).form
        return Distillation(
            training,
            cast("Classifier", model),
            self.form.to(taught),
            self.spec.value("distill.loss_type"),
            self.spec.value("distill.loss_lambda"),
        )

    def meter(self) -> ClassificationMeter:
        """Loss, top-k accuracies, accuracy by class."""
        dialect = self.dialect
        return ClassificationMeter(self.classes, [1, *dialect.topk], dialect.smoothing, dialect.accuracy)

    def loop(self) -> LoopSettings:
        """As the spec says."""
        return self.dialect.loop()

    def optimizer(self) -> OptimizerSettings:
        """As the spec says."""
        return self.dialect.optimizer()

    def schedule(self) -> ScheduleSettings:
        """As the spec says."""
        return self.dialect.schedule()

    def export_plan(self, weights: dict[str, Tensor], spec: Block) -> ExportPlan:
        """The classifier as a graph, of the size and channels that the job asks for."""
        given = graph_input(self.form, dialect_of(self.network, spec).export())
        model = cast("Classifier", self.shaped(self._build(given)))
        if given == self.form:
            model.load_state_dict(weights)
        else:
            own = {name.removeprefix("net."): value for name, value in weights.items()}
            load_resized(model.net, own, given)
        facts = {"model_name": self.spec.value("model_name"), "backbone": self.dialect.backbone}
        return export_plan(model, (self.form, given), _RETURNED, self.classes, facts)

    def example_inputs(self, plan: ExportPlan, count: int) -> Tensor:
        """Images of a dataset that is here, else noise of the spread that normalised images have."""
        form = graph_format(plan.metadata)
        found = [sample for sample, _ in zip(samples_at_hand(self.run), range(count), strict=False)]
        if len(found) == count:
            return ImageSource(Pixels(found, form)).fetch(range(count)).images
        return noise_of(form, count)

    def adopt_graph(self, metadata: Mapping[str, str]) -> None:
        """Take images as the graph takes them."""
        self.form = graph_format(metadata)

    def evaluation(self, spec: Block) -> Work[ImageBatch]:
        """Labelled images, with metrics by class, confusion matrix and pictures."""
        own = dialect_of(self.network, spec).evaluating()
        pixels = Pixels(labelled_samples(self.run, self.classes), self.form)
        meter = self.meter()
        sheets = Sheets(self.form, own.draw_every, len(pixels.samples), self.run.results)
        report = EvaluationReport(pixels.samples, self._names("evaluate", own), meter, sheets)
        return Work(ImageSource(pixels), report, own.batch_size, own.workers, meter)

    def inference(self, spec: Block) -> Work[ImageBatch]:
        """Images to predict; those that cannot be read are reported, one by one."""
        own = dialect_of(self.network, spec).inferring()
        pixels = Pixels(images_to_predict(self.run), self.form)
        sheets = Sheets(self.form, own.draw_every, len(pixels.samples), self.run.results)
        report = InferenceReport(pixels.samples, self._names("inference", own), sheets)
        source = ImageSource(pixels, tolerant=True)
        return Work(source, report, own.batch_size, own.workers)

    def _names(self, section: str, own: Predicting) -> tuple[str, ...]:
        """The names of the classes in a report.

        Raises:
            SpecError: the file that the spec names is no class map, or one of other classes.
        """
        if not own.names:
            return self.classes
        path = f"{section}.classmap"
        try:
            names = read_classmap(workspace_file(self.run, own.names, path))
        except DatasetError as error:
            raise SpecError([SpecProblem(path, f"must name a class map: {error}", own.names)]) from error
        if len(names) != len(self.classes):
            rule = f"must name {len(self.classes)} classes, as many as the model has; it names {len(names)}"
            raise SpecError([SpecProblem(path, rule, own.names)])
        return names

    def _build(self, form: ImageFormat) -> Classifier:
        build = import_module(self.network.model).build
        return cast("Classifier", build(self.spec, len(self.classes), size=(form.height, form.width)))

    def _pixels(self, samples: list[Sample]) -> Pixels[Sample]:
        pixels = Pixels(samples, self.form)
        pixels.hold(self.run.raise_if_stopped)
        return pixels
