"""Semantic segmentation, as the verbs see it."""

from collections.abc import Mapping, Sequence
from importlib import import_module
from typing import Any, Self, cast

from torch import Tensor, nn

from tunesmith.networks import Network
from tunesmith.networks.segmentation import SegmenterSettings
from tunesmith.specs import Block
from tunesmith.specs.blocks import actions
from tunesmith.training.base_models import weights_of
from tunesmith.training.engine.settings import LoopSettings, OptimizerSettings, ScheduleSettings
from tunesmith.training.engine.training import Training
from tunesmith.training.engine.weights import load_weights, workspace_file
from tunesmith.training.run import Run
from tunesmith.training.tasks.base import ExportPlan, Task, TrainingData, Work
from tunesmith.training.tasks.graphs import (
    Returned,
    example_of,
    export_plan,
    graph_format,
    graph_input,
    load_resized,
    noise_of,
)
from tunesmith.training.tasks.image_format import ImageFormat
from tunesmith.training.tasks.learning import freeze, optimizer, schedule
from tunesmith.training.tasks.segmentation import settings
from tunesmith.training.tasks.segmentation.augment import build_variation
from tunesmith.training.tasks.segmentation.data import (
    Sample,
    TrainingSamples,
    images_to_predict,
    labelled_samples,
    samples_at_hand,
    training_samples,
)
from tunesmith.training.tasks.segmentation.drawing import Sheets
from tunesmith.training.tasks.segmentation.evaluation import EvaluationReport
from tunesmith.training.tasks.segmentation.images import MaskedSource, SegmentBatch
from tunesmith.training.tasks.segmentation.labels import labels_of
from tunesmith.training.tasks.segmentation.metrics import SegmentationMeter, at_size
from tunesmith.training.tasks.segmentation.predictions import InferenceReport
from tunesmith.training.tasks.segmentation.training import Branched, SegmentationTraining


class Segmentation(Task[SegmentBatch]):
    """Gives each pixel a class.

    Attributes:
        settings: the spec in the task's terms.
        form: what images look like to the model.
        labels: the classes, and the values of masks that stand for them.
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
        self._module: Any = import_module(network.model)
        self.settings: SegmenterSettings = self._module.settings(spec)
        self.form = settings.image_format(self.settings)
        self._samples = samples
        own = self.settings
        self.labels = samples.labels if samples else labels_of(own.labelling, own.section, classes)

    @classmethod
    def for_training(cls, run: Run, network: Network, spec: Block, seed: int) -> Self:
        """The task of a job that trains, on the datasets of its request."""
        samples = training_samples(run, import_module(network.model).settings(spec), seed)
        return cls(run, network, spec, samples.labels.classes, samples)

    @property
    def subject(self) -> str:
        """The backbone and the image size."""
        return self.settings.subject

    def build_model(self) -> nn.Module:
        """The model of the spec, with random weights."""
        return self._build(self.form)

    def load_pretrained(self, model: nn.Module) -> None:
        """Fill in the base experiments' weights, then those that the spec names: backbone, whole model."""
        segmenter = cast("Branched", model)
        for note in self.settings.notes:
            self.run.note(f"{note} Published weights of it do not fit.")
        for base in self.run.request.base_models:
            part = segmenter.part("backbone")
            fitted = load_weights(part, weights_of(self.run, base), f"base_experiment {base.name}")
            self.run.note(f"{fitted} The decoder of {len(self.classes)} classes begins anew.")
        for path, (key, name) in self.settings.files.items():
            if key:
                file = workspace_file(self.run, key, path)
                self.run.note(load_weights(segmenter.part(name), file, path))

    def inputs(self, batch: SegmentBatch) -> Tensor:
        """The images."""
        return batch.images

    def example_input(self) -> Tensor:
        """An image of the trained size."""
        return example_of(self.form)[:1]

    def output_layers(self, model: nn.Module) -> Sequence[nn.Module]:
        """What classifies the pixels."""
        return cast("Branched", model).output_layers()

    def training_data(self) -> TrainingData[SegmentBatch]:
        """The images of the request, held in memory if they are few."""
        assert self._samples is not None  # noqa: S101 - for_training gave them
        train, validation = (self._source(some) for some in (self._samples.train, self._samples.validation))
        own = self.settings
        vary = build_variation(own.variation, own.size, f"{own.section}.augmentation")
        counts = f"{len(train)} images to learn from, {len(validation)} to validate on"
        return TrainingData(
            train=train.varied(vary),
            plain=train,
            validation=validation if len(validation) else None,
            summary=f"{counts}, {len(self.classes)} classes",
        )

    def training(self, model: nn.Module) -> Training[SegmentBatch]:
        """Cross entropy of the output and of the maps."""
        freeze(model, self.settings.learning.freeze)
        weights = settings.loss_weights(self.settings, cast("Branched", model).levels)
        return SegmentationTraining(model, self.form, len(self.classes), weights)

    def meter(self) -> SegmentationMeter:
        """Loss, mIoU, mean accuracy and pixel accuracy; IoU and accuracy by class."""
        return SegmentationMeter(self.classes)

    def loop(self) -> LoopSettings:
        """From the sections train and dataset."""
        return settings.loop(self.settings, self.spec)

    def optimizer(self) -> OptimizerSettings:
        """From the section train.optim."""
        return optimizer(self.settings.learning)

    def schedule(self) -> ScheduleSettings:
        """From the section train.optim."""
        return schedule(self.settings.learning)

    def export_plan(self, weights: dict[str, Tensor], spec: Block) -> ExportPlan:
        """The model as a graph, of the size and channels that the job asks for."""
        given = graph_input(self.form, cast("Any", spec).export)
        model = self._build(given)
        load_resized(model, weights, given)
        facts = {"model_name": self.spec.value("model_name"), **self.settings.facts}
        size = (given.height, given.width)
        returned = Returned(("logits",), lambda logits: (at_size(logits, size),))
        return export_plan(model, (self.form, given), returned, self.classes, facts)

    def example_inputs(self, plan: ExportPlan, count: int) -> Tensor:
        """Images of a dataset that is here, else noise of the spread that normalised images have."""
        form = graph_format(plan.metadata)
        found = [
            sample for sample, _ in zip(samples_at_hand(self.run, self.labels), range(count), strict=False)
        ]
        if len(found) == count:
            return MaskedSource(found, form).fetch(range(count)).images
        return noise_of(form, count)

    def adopt_graph(self, metadata: Mapping[str, str]) -> None:
        """Take images as the graph takes them."""
        self.form = graph_format(metadata)

    def evaluation(self, spec: Block) -> Work[SegmentBatch]:
        """Images with masks, with metrics by class, confusion matrix and pictures."""
        given, own = cast("actions.DrawnEvaluate", spec.value("evaluate")), self._module.settings(spec)
        samples = labelled_samples(self.run, own, self.labels)
        meter = self.meter()
        sheets = self._sheets(given.vis_after_n_batches, len(samples))
        report = EvaluationReport(samples, self.labels, meter, sheets)
        source = MaskedSource(samples, self.form)
        return Work(source, report, spec.value("evaluate.batch_size"), own.workers, meter)

    def inference(self, spec: Block) -> Work[SegmentBatch]:
        """Images to predict; those that cannot be read are reported, one by one."""
        given, own = cast("actions.DrawnInference", spec.value("inference")), self._module.settings(spec)
        samples = images_to_predict(self.run, own, self.labels)
        samples = [Sample(one.path, None, one.name, one.table) for one in samples]
        sheets = self._sheets(given.vis_after_n_batches, len(samples))
        report = InferenceReport(samples, self.labels, sheets, self.run.results)
        source = MaskedSource(samples, self.form, tolerant=True)
        return Work(source, report, spec.value("inference.batch_size"), own.workers)

    def _build(self, form: ImageFormat) -> nn.Module:
        size = (form.height, form.width)
        return cast("nn.Module", self._module.build(self.spec, len(self.classes), size=size))

    def _source(self, samples: list[Sample]) -> MaskedSource:
        source = MaskedSource(samples, self.form)
        source.hold(self.run.raise_if_stopped)
        return source

    def _sheets(self, every: int, total: int) -> Sheets:
        return Sheets(self.form, self.labels.colours, every, total, self.run.results)
