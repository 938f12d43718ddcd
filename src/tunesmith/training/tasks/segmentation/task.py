"""Semantic segmentation, as the verbs see it."""

from collections.abc import Mapping
from importlib import import_module
from typing import Any, Self, cast

from torch import Tensor, nn

from tunesmith.networks import Network
from tunesmith.networks.backbones import backbone_of
from tunesmith.networks.segformer.spec import SegformerSpec
from tunesmith.specs import Block
from tunesmith.training.base_models import weights_of
from tunesmith.training.engine.settings import LoopSettings, OptimizerSettings, ScheduleSettings
from tunesmith.training.engine.training import Training
from tunesmith.training.engine.weights import load_weights, workspace_file
from tunesmith.training.run import Run
from tunesmith.training.tasks.base import ExportPlan, Task, TrainingData, Work
from tunesmith.training.tasks.graphs import example_of, graph_format, graph_input, load_resized, noise_of
from tunesmith.training.tasks.image_format import ImageFormat
from tunesmith.training.tasks.segmentation import export, settings
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
from tunesmith.training.tasks.segmentation.metrics import SegmentationMeter
from tunesmith.training.tasks.segmentation.predictions import InferenceReport
from tunesmith.training.tasks.segmentation.training import SegmentationTraining


class Segmentation(Task[SegmentBatch]):
    """Gives each pixel a class.

    Attributes:
        form: what images look like to the model.
        labels: the classes, and the values of masks that stand for them.
    """

    spec: SegformerSpec

    def __init__(
        self,
        run: Run,
        network: Network,
        spec: Block,
        classes: tuple[str, ...],
        samples: TrainingSamples | None = None,
    ) -> None:
        super().__init__(run, network, spec, classes)
        self.form = settings.image_format(self.spec)
        self._segment = self.spec.dataset.segment
        self._samples = samples
        self.labels = samples.labels if samples else labels_of(self._segment, classes)

    @classmethod
    def for_training(cls, run: Run, network: Network, spec: Block, seed: int) -> Self:
        """The task of a job that trains, on the datasets of its request."""
        samples = training_samples(run, cast("SegformerSpec", spec).dataset.segment, seed)
        return cls(run, network, spec, samples.labels.classes, samples)

    @property
    def subject(self) -> str:
        """The backbone and the image size."""
        return f"{self.spec.model.backbone.type} on images of {self.form.width} x {self.form.height} pixels"

    def build_model(self) -> nn.Module:
        """The model of the spec, with random weights."""
        return self._build(self.form)

    def load_pretrained(self, model: nn.Module) -> None:
        """Fill in the base experiments' weights, then those that the spec names: backbone, whole model."""
        backbone = self.spec.model.backbone
        if difference := backbone_of(backbone.type).difference:
            self.run.note(
                f"The backbone {backbone.type} is built as timm's {backbone_of(backbone.type).timm_name}: "
                f"{difference}. Published weights of {backbone.type} do not fit it."
            )
        net = cast("Any", model).maps.net
        for base in self.run.request.base_models:
            fitted = load_weights(net, weights_of(self.run, base), f"base_experiment {base.name}")
            self.run.note(f"{fitted} The decoder of {len(self.classes)} classes begins anew.")
        for path, key, part in (
            ("model.backbone.pretrained_backbone_path", backbone.pretrained_backbone_path, net),
            ("train.pretrained_model_path", self.spec.train.pretrained_model_path, model),
        ):
            if key:
                file = workspace_file(self.run, key, path)
                self.run.note(load_weights(part, file, path))

    def inputs(self, batch: SegmentBatch) -> Tensor:
        """The images."""
        return batch.images

    def example_input(self) -> Tensor:
        """An image of the trained size."""
        return example_of(self.form)[:1]

    def output_layers(self, model: nn.Module) -> tuple[nn.Module, ...]:
        """The classifier of the pixels."""
        return (cast("Any", model).decode_head.classifier,)

    def training_data(self) -> TrainingData[SegmentBatch]:
        """The images of the request, held in memory if they are few."""
        assert self._samples is not None  # noqa: S101 - for_training gave them
        train, validation = (self._source(some) for some in (self._samples.train, self._samples.validation))
        vary = build_variation(self._segment.augmentation, self._segment.img_size)
        counts = f"{len(train)} images to learn from, {len(validation)} to validate on"
        return TrainingData(
            train=train.varied(vary),
            plain=train,
            validation=validation if len(validation) else None,
            summary=f"{counts}, {len(self.classes)} classes",
        )

    def training(self, model: nn.Module) -> Training[SegmentBatch]:
        """Cross entropy of the output and of the maps."""
        weights = settings.loss_weights(self.spec)
        return SegmentationTraining(model, self.form, len(self.classes), weights)

    def meter(self) -> SegmentationMeter:
        """Loss, mIoU, mean accuracy and pixel accuracy; IoU and accuracy by class."""
        return SegmentationMeter(self.classes)

    def loop(self) -> LoopSettings:
        """From the sections train and dataset."""
        return settings.loop(self.spec)

    def optimizer(self) -> OptimizerSettings:
        """From the section train.optim."""
        return settings.optimizer(self.spec)

    def schedule(self) -> ScheduleSettings:
        """From the section train.optim."""
        return settings.schedule(self.spec)

    def export_plan(self, weights: dict[str, Tensor], spec: Block) -> ExportPlan:
        """The model as a graph, of the size and channels that the job asks for."""
        given = graph_input(self.form, cast("SegformerSpec", spec).export)
        model = self._build(given)
        load_resized(model, weights, given)
        facts = {"model_name": self.spec.model_name, "backbone": self.spec.model.backbone.type}
        return export.export_plan(model, self.form, given, self.classes, facts)

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
        own = cast("SegformerSpec", spec)
        samples = labelled_samples(self.run, own.dataset.segment, self.labels)
        meter = self.meter()
        sheets = self._sheets(own.evaluate.vis_after_n_batches, len(samples))
        report = EvaluationReport(samples, self.labels, meter, sheets)
        source = MaskedSource(samples, self.form)
        return Work(source, report, own.evaluate.batch_size, own.dataset.segment.workers, meter)

    def inference(self, spec: Block) -> Work[SegmentBatch]:
        """Images to predict; those that cannot be read are reported, one by one."""
        own = cast("SegformerSpec", spec)
        samples = images_to_predict(self.run, own.dataset.segment, self.labels)
        samples = [Sample(one.path, None, one.name, one.table) for one in samples]
        sheets = self._sheets(own.inference.vis_after_n_batches, len(samples))
        report = InferenceReport(samples, self.labels, sheets, self.run.results)
        source = MaskedSource(samples, self.form, tolerant=True)
        return Work(source, report, own.inference.batch_size, own.dataset.segment.workers)

    def _build(self, form: ImageFormat) -> nn.Module:
        build = import_module(self.network.model).build
        return cast("nn.Module", build(self.spec, len(self.classes), size=(form.height, form.width)))

    def _source(self, samples: list[Sample]) -> MaskedSource:
        source = MaskedSource(samples, self.form)
        source.hold(self.run.raise_if_stopped)
        return source

    def _sheets(self, every: int, total: int) -> Sheets:
        return Sheets(self.form, self.labels.colours, every, total, self.run.results)
