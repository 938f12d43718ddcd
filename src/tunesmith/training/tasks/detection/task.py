"""Object detection, as the verbs see it."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from importlib import import_module
from typing import Any, Self, cast

from torch import Tensor, nn

from tunesmith.networks import Network
from tunesmith.networks.detection import DetectorSettings, Kept, Predicting
from tunesmith.networks.layers.detector import Criterion, Detector, Predictions, Teachable
from tunesmith.specs import Block
from tunesmith.specs.blocks.actions import OnnxExport
from tunesmith.specs.blocks.train import CuDNN
from tunesmith.training.engine.settings import LoopSettings, OptimizerSettings, ScheduleSettings
from tunesmith.training.engine.training import Training
from tunesmith.training.run import Run
from tunesmith.training.tasks.base import ExportPlan, Task, TrainingData, Work
from tunesmith.training.tasks.detection import settings
from tunesmith.training.tasks.detection.annotations import DetectionSample
from tunesmith.training.tasks.detection.batches import DetectionBatch, DetectionSource, Images
from tunesmith.training.tasks.detection.categories import category_ids, evaluated_classes
from tunesmith.training.tasks.detection.distillation import Distillation, begin_as, renormalised
from tunesmith.training.tasks.detection.drawing import colours_of
from tunesmith.training.tasks.detection.epochs import training_data
from tunesmith.training.tasks.detection.evaluation import EvaluationReport
from tunesmith.training.tasks.detection.metrics import DetectionMeter
from tunesmith.training.tasks.detection.predictions import InferenceReport, Showing
from tunesmith.training.tasks.detection.pretrained import fill_in
from tunesmith.training.tasks.detection.records import open_records
from tunesmith.training.tasks.detection.samples import (
    TrainingSamples,
    images_to_predict,
    labelled_samples,
    samples_at_hand,
    training_samples,
)
from tunesmith.training.tasks.detection.training import DetectionTraining
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
from tunesmith.training.tasks.learning import freeze, list_parameters, optimizer, schedule

_THRESHOLD = "score_threshold"
"""The name, among a graph's metadata, of the confidence below which its candidates are worth nothing."""
_RETURNED = Returned(("pred_logits", "pred_boxes"), lambda found: (found.logits, found.boxes))


class Detection(Task[DetectionBatch]):
    """Finds objects and draws boxes around them.

    Attributes:
        settings: the spec in the task's terms.
        form: what images that are not varied look like to the model.
        masks: whether the model learns masks too.
    """

    masks = False
    meter_type: type[DetectionMeter] = DetectionMeter

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
        self.settings: DetectorSettings = self._module.settings(spec)
        self.form = settings.image_format(self.settings)
        self._samples = samples
        self._graph_form: ImageFormat | None = None
        self._graph_threshold = 0.0
        settings.check(self.settings, len(classes))

    @classmethod
    def for_training(cls, run: Run, network: Network, spec: Block, seed: int) -> Self:
        """The task of a job that trains, on the datasets of its request."""
        known: DetectorSettings = import_module(network.model).settings(spec)
        learnt = open_records(run, known.records, "train") if known.records else None
        checked = open_records(run, known.validation_records, "val") if known.validation_records else None
        samples = training_samples(run, seed, learnt, checked)
        return cls(run, network, spec, samples.classes, samples)

    @classmethod
    def seed_of(cls, spec: Block) -> int:
        """Networks name it differently."""
        return settings.seed_of(spec)

    @classmethod
    def cudnn_of(cls, spec: Block) -> CuDNN:
        """Not every network has the section."""
        found: CuDNN = getattr(spec.value("train"), "cudnn", CuDNN())
        return found

    @property
    def subject(self) -> str:
        """The model and the image size."""
        return self.settings.subject

    def build_model(self) -> nn.Module:
        """The detector of the spec, with random weights."""
        filled = any(key and part == "backbone" for key, part in self.settings.files.values())
        return self.build(pretrained=filled or bool(self.run.request.base_models))

    def build(self, *, pretrained: bool = False, size: tuple[int, int] | None = None) -> nn.Module:
        """The detector, for images of a size; the spec's by default."""
        built = self._module.build(self.spec, len(self.classes), pretrained=pretrained, size=size)
        return cast("nn.Module", built)

    def load_pretrained(self, model: nn.Module) -> None:
        """Fill in the base experiments' weights, then those that the spec names."""
        fill_in(self.run, cast("Detector", model), self.settings, len(self.classes))

    def inputs(self, batch: DetectionBatch) -> Tensor:
        """The images."""
        return batch.images

    def outputs(self, found: Sequence[Tensor]) -> Predictions:
        """The logits and the boxes."""
        return Predictions(found[0], found[1])

    def output_layers(self, model: nn.Module) -> Sequence[nn.Module]:
        """The layers that make logits and boxes."""
        return cast("Detector", model).output_layers

    def example_input(self) -> Tensor:
        """An image of the trained size."""
        return example_of(self.form)[:1]

    def training_data(self) -> TrainingData[DetectionBatch]:
        """The images of the request, held in memory if they are few."""
        assert self._samples is not None  # noqa: S101 - for_training gave them
        return training_data(self.run, self.settings, self._samples, masks=self.masks)

    def training(self, model: nn.Module) -> Training[DetectionBatch]:
        """The detector's own losses; what the spec freezes does not learn."""
        freeze(model, self.settings.learning.freeze)
        if self.settings.learning.verbose:
            list_parameters(model)
        return DetectionTraining(cast("Detector", model), self.form, self.settings.learning.l1)

    def distillation(
        self, training: Training[DetectionBatch], teacher: Task[DetectionBatch], model: nn.Module
    ) -> Training[DetectionBatch]:
        """The student's loss, and how far its predictions or its features are from the teacher's."""
        how, taught = self.settings.distilling, cast("Detection", teacher)
        if how.begins:
            count = begin_as(training.model, model, how.begins)
            self.run.note(f"model.load_teacher_enc_dec: {count} weights are the teacher's at first.")
        return Distillation(
            cast("DetectionTraining", training),
            cast("Teachable", model),
            renormalised(self.form, taught.form),
            how,
        )

    def meter(self) -> DetectionMeter:
        """Loss, COCO's figures, average precision by class."""
        assert self._samples is not None  # noqa: S101 - trainings alone ask
        # What is too unsure for an evaluation may count here: a model that begins to learn is not sure.
        kept = settings.evaluating(self.settings, self.spec).kept
        return self._meter(self._samples.validation, replace(kept, threshold=self.settings.threshold))

    def loop(self) -> LoopSettings:
        """From the sections train and dataset."""
        return settings.loop(self.settings, self.spec)

    def optimizer(self) -> OptimizerSettings:
        """From the section train.optim."""
        return optimizer(self.settings.learning)

    def schedule(self) -> ScheduleSettings:
        """From the section train.optim."""
        return schedule(self.settings.learning)

    def export_settings(self, spec: Block) -> OnnxExport:
        """Not every network has a section like the others'."""
        own: DetectorSettings = self._module.settings(spec)
        return own.export or super().export_settings(spec)

    def export_plan(self, weights: dict[str, Tensor], spec: Block) -> ExportPlan:
        """The detector as a graph, of the size and channels that the job asks for."""
        given = graph_input(self.form, self.export_settings(spec))
        settings.require_size(self.settings, given.width, given.height, "export")
        model = self.shaped(self.build(size=(given.height, given.width)))
        load_resized(model, weights, given)
        boxes = "centre x, centre y, width, height as shares of the input; the class scores are sigmoids"
        name = self.spec.value("model_name")
        facts = {"model_name": name, "architecture": self.network.arch, "boxes": boxes}
        if threshold := self._module.settings(spec).graph_threshold:
            facts[_THRESHOLD] = repr(threshold)
        return export_plan(model, (self.form, given), _RETURNED, self.classes, facts, "inputs")

    def example_inputs(self, plan: ExportPlan, count: int) -> Tensor:
        """Images of a dataset that is here, else noise of the spread that normalised images have."""
        form = graph_format(plan.metadata)
        found = [sample for sample, _ in zip(samples_at_hand(self.run), range(count), strict=False)]
        if len(found) == count:
            return self._source(found, form).fetch(range(count)).images
        return noise_of(form, count)

    def adopt_graph(self, metadata: Mapping[str, str]) -> None:
        """Take images as the graph takes them."""
        self._graph_form = graph_format(metadata)
        self._graph_threshold = float(metadata.get(_THRESHOLD, 0.0))

    def evaluation(self, spec: Block) -> Work[DetectionBatch]:
        """Annotated images, with COCO's metrics, curves and pictures."""
        own = settings.evaluating(self._module.settings(spec), spec)
        kept = self._kept(own)
        samples = self.labelled()[: own.images]
        meter = self._meter(samples, kept)
        report = EvaluationReport(samples, self.classes, meter, colours_of(self.classes, None), kept)
        source = self._source(samples, self._asked(own, "evaluate"))
        return Work(source, report, own.batch_size, own.workers, meter)

    def inference(self, spec: Block) -> Work[DetectionBatch]:
        """Images to predict; those that cannot be read are reported, one by one."""
        own = settings.inferring(self._module.settings(spec), spec)
        samples = images_to_predict(self.run)[: own.images]
        showing = Showing(
            self._kept(own), colours_of(self.classes, own.colours), own.outline, own.folders, own.labels
        )
        report = InferenceReport(
            samples, self.classes, category_ids(samples, self.classes), showing, self.run.results
        )
        source = self._source(samples, self._asked(own, "inference"), tolerant=True)
        return Work(source, report, own.batch_size, own.workers)

    def labelled(self) -> list[DetectionSample]:
        """The images to evaluate on."""
        return labelled_samples(self.run, self.classes)

    def _kept(self, own: Predicting) -> Kept:
        """The detections that count. An exported graph may say which are worth nothing."""
        return replace(own.kept, threshold=max(own.kept.threshold, self._graph_threshold))

    def _source(
        self, samples: list[DetectionSample], form: ImageFormat | None = None, *, tolerant: bool = False
    ) -> DetectionSource:
        """The samples as the model, or a graph of it, takes them."""
        inputs = settings.inputs_as(self.settings.inputs, form) if form else self.settings.inputs
        return DetectionSource(Images(samples), inputs, tolerant=tolerant)

    def _asked(self, own: Predicting, section: str) -> ImageFormat | None:
        """The format that a job asks for; None for the trained one. A graph takes one alone."""
        if self._graph_form or not (own.width or own.height):
            return self._graph_form
        form = self.form
        asked = replace(form, width=own.width or form.width, height=own.height or form.height)
        settings.require_size(self.settings, asked.width, asked.height, section)
        return asked

    def _meter(self, samples: list[DetectionSample], kept: Kept) -> DetectionMeter:
        criterion: Criterion = self._module.criterion(self.spec, len(self.classes))
        evaluated = evaluated_classes(self.settings.evaluated, samples, self.classes)
        names = self.settings.metric_names
        return self.meter_type(samples, self.classes, criterion, kept, evaluated, names)
