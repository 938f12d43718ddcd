"""Object detection, as the verbs see it."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from importlib import import_module
from typing import Any, Self, cast

from torch import Tensor, nn

from tunesmith.networks import Network
from tunesmith.networks.detection import DetectorSettings, Resize
from tunesmith.networks.layers.detector import Criterion, Detector, Predictions, Teachable
from tunesmith.specs import Block, SpecError, SpecProblem
from tunesmith.specs.blocks import detection as blocks
from tunesmith.training.base_models import weights_of
from tunesmith.training.engine.log import log
from tunesmith.training.engine.settings import LoopSettings, OptimizerSettings, ScheduleSettings
from tunesmith.training.engine.training import Training
from tunesmith.training.engine.weights import load_weights, workspace_file
from tunesmith.training.run import Run
from tunesmith.training.tasks.base import ExportPlan, Task, TrainingData, Work
from tunesmith.training.tasks.detection import export, settings
from tunesmith.training.tasks.detection.annotations import DetectionSample
from tunesmith.training.tasks.detection.batches import DetectionBatch, DetectionSource, Images
from tunesmith.training.tasks.detection.distillation import Distillation, begin_as, renormalised
from tunesmith.training.tasks.detection.drawing import colours_of
from tunesmith.training.tasks.detection.evaluation import EvaluationReport
from tunesmith.training.tasks.detection.metrics import DetectionMeter
from tunesmith.training.tasks.detection.predictions import InferenceReport, Showing
from tunesmith.training.tasks.detection.samples import (
    TrainingSamples,
    balanced,
    images_to_predict,
    labelled_samples,
    samples_at_hand,
    training_samples,
)
from tunesmith.training.tasks.detection.training import DetectionTraining
from tunesmith.training.tasks.graphs import example_of, graph_format, graph_input, load_resized, noise_of
from tunesmith.training.tasks.image_format import ImageFormat


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
        settings.check(self.settings, len(classes))

    @classmethod
    def for_training(cls, run: Run, network: Network, spec: Block, seed: int) -> Self:
        """The task of a job that trains, on the datasets of its request."""
        samples = training_samples(run, seed)
        return cls(run, network, spec, samples.classes, samples)

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
        detector = cast("Detector", model)
        for note in self.settings.notes:
            self.run.note(f"{note} Published weights of it do not fit.")
        for base in self.run.request.base_models:
            file = weights_of(self.run, base)
            fitted = load_weights(detector, file, f"base_experiment {base.name}", detector.head_names)
            self.run.note(f"{fitted} The heads of {len(self.classes)} classes begin anew.")
        for path, (key, part) in self.settings.files.items():
            if key:
                file = workspace_file(self.run, key, path)
                self.run.note(load_weights(detector.part(part), file, path))

    def inputs(self, batch: DetectionBatch) -> Tensor:
        """The images."""
        return batch.images

    def outputs(self, found: Sequence[Tensor]) -> Predictions:
        """The logits and the boxes."""
        return Predictions(found[0], found[1])

    def example_input(self) -> Tensor:
        """An image of the trained size."""
        return example_of(self.form)[:1]

    def training_data(self) -> TrainingData[DetectionBatch]:
        """The images of the request, held in memory if they are few."""
        assert self._samples is not None  # noqa: S101 - for_training gave them
        train, validation = self._samples.train, self._samples.validation
        if self.settings.learning.dry_run:
            self.run.note("train.is_dry_run: one batch is trained and validated.")
            most = self.settings.batch_size
            train, validation = train[:most], validation[:most]
        if self.settings.balanced:
            train = balanced(train)
        learnt, measured = self._images(train), self._images(validation)
        inputs = self.settings.inputs
        counts = f"{len(train)} images to learn from, {len(validation)} to validate on"
        return TrainingData(
            train=DetectionSource(learnt, inputs, varied=True, masks=self.masks),
            plain=DetectionSource(learnt, inputs),
            validation=DetectionSource(measured, inputs) if validation else None,
            summary=f"{counts}, {len(self.classes)} classes",
        )

    def training(self, model: nn.Module) -> Training[DetectionBatch]:
        """The detector's own losses; what the spec freezes does not learn."""
        self._freeze(model)
        if self.settings.learning.verbose:
            self._list_parameters(model)
        return DetectionTraining(cast("Detector", model), self.form)

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
        return self._meter(self._samples.validation, self.settings.threshold)

    def loop(self) -> LoopSettings:
        """From the sections train and dataset."""
        return settings.loop(self.settings, self.spec)

    def optimizer(self) -> OptimizerSettings:
        """From the section train.optim."""
        return settings.optimizer(self.settings.learning)

    def schedule(self) -> ScheduleSettings:
        """From the section train.optim."""
        return settings.schedule(self.settings.learning)

    def export_plan(self, weights: dict[str, Tensor], spec: Block) -> ExportPlan:
        """The detector as a graph, of the size and channels that the job asks for."""
        given = graph_input(self.form, cast("Any", spec).export)
        self._require_size(given.width, given.height, "export")
        model = self.build(size=(given.height, given.width))
        load_resized(model, weights, given)
        facts = {"model_name": self.spec.value("model_name"), "architecture": self.network.arch}
        return export.export_plan(model, self.form, given, self.classes, facts)

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

    def evaluation(self, spec: Block) -> Work[DetectionBatch]:
        """Annotated images, with COCO's metrics, curves and pictures."""
        own = cast("blocks.Evaluate", spec.value("evaluate"))
        samples = self.labelled()
        meter = self._meter(samples, own.conf_threshold)
        report = EvaluationReport(
            samples, self.classes, meter, colours_of(self.classes, None), own.conf_threshold
        )
        form = self._asked(own.input_width, own.input_height, "evaluate")
        return self._work(self._source(samples, form), report, spec, meter)

    def inference(self, spec: Block) -> Work[DetectionBatch]:
        """Images to predict; those that cannot be read are reported, one by one."""
        own = cast("blocks.Inference", spec.value("inference"))
        samples = images_to_predict(self.run)
        showing = Showing(
            self.settings.most,
            own.conf_threshold,
            colours_of(self.classes, own.color_map),
            own.outline_width,
            own.is_internal,
        )
        report = InferenceReport(
            samples, self.classes, _category_ids(samples, self.classes), showing, self.run.results
        )
        untouched = blocks.Inference()
        width = own.input_width if own.input_width != untouched.input_width else None
        height = own.input_height if own.input_height != untouched.input_height else None
        source = self._source(samples, self._asked(width, height, "inference"), tolerant=True)
        return self._work(source, report, spec)

    def labelled(self) -> list[DetectionSample]:
        """The images to evaluate on."""
        return labelled_samples(self.run, self.classes)

    def _work(
        self, source: DetectionSource, report: Any, spec: Block, meter: DetectionMeter | None = None
    ) -> Work[DetectionBatch]:
        own: DetectorSettings = self._module.settings(spec)
        return Work(source, report, own.batch_size, own.workers, meter)

    def _source(
        self, samples: list[DetectionSample], form: ImageFormat | None = None, *, tolerant: bool = False
    ) -> DetectionSource:
        """The samples as the model, or a graph of it, takes them."""
        inputs = self.settings.inputs
        if form:
            sizing = inputs.evaluation
            aspect = sizing.keep_aspect if isinstance(sizing, Resize) else True
            inputs = replace(
                inputs,
                evaluation=Resize(form.height, form.width, aspect),
                padded=None,
                mean=form.mean,
                std=form.std,
            )
        return DetectionSource(Images(samples), inputs, tolerant=tolerant)

    def _asked(self, width: int | None, height: int | None, section: str) -> ImageFormat | None:
        """The format that a job asks for; None for the trained one. A graph takes one alone."""
        if self._graph_form or not (width or height):
            return self._graph_form
        asked = replace(self.form, width=width or self.form.width, height=height or self.form.height)
        self._require_size(asked.width, asked.height, section)
        return asked

    def _require_size(self, width: int, height: int, section: str) -> None:
        stride = self.settings.stride
        problems = [
            SpecProblem(f"{section}.{key}", f"must be a multiple of {stride}", side)
            for key, side in (("input_width", width), ("input_height", height))
            if side % stride
        ]
        if problems:
            raise SpecError(problems)

    def _images(self, samples: list[DetectionSample]) -> Images:
        images = Images(samples)
        images.hold(self.run.raise_if_stopped)
        return images

    def _meter(self, samples: list[DetectionSample], threshold: float = 0.0) -> DetectionMeter:
        criterion: Criterion = self._module.criterion(self.spec, len(self.classes))
        return self.meter_type(samples, self.classes, criterion, threshold, self._evaluated(samples))

    def _evaluated(self, samples: list[DetectionSample]) -> list[int]:
        """The indices of the classes that the spec evaluates, by the ids that the dataset gives them."""
        if not self.settings.evaluated:
            return []
        source = samples[0].source if samples else None
        ids = source.category_ids if source else tuple(range(1, len(self.classes) + 1))
        names = source.classes if source else self.classes
        if unknown := set(self.settings.evaluated) - set(ids):
            rule = f"must hold ids of the dataset's categories: {', '.join(map(str, ids[:20]))}"
            raise SpecError([SpecProblem("dataset.eval_class_ids", rule, sorted(unknown))])
        chosen = sorted(set(self.settings.evaluated), key=ids.index)
        return [self.classes.index(names[ids.index(one)]) for one in chosen]

    def _freeze(self, model: nn.Module) -> None:
        for part in self.settings.learning.freeze:
            fitting = [weight for name, weight in model.named_parameters() if part in name]
            if not fitting:
                some = sorted({".".join(name.split(".")[:3]) for name, _ in model.named_parameters()})
                rule = f"must hold parts of parameters' names; they begin with {', '.join(some[:8])}"
                raise SpecError([SpecProblem("train.freeze", rule, part)])
            for weight in fitting:
                weight.requires_grad_(False)

    def _list_parameters(self, model: nn.Module) -> None:
        for name, weight in model.named_parameters():
            log(f"{name} {tuple(weight.shape)} {'learns' if weight.requires_grad else 'frozen'}")


def _category_ids(samples: Sequence[DetectionSample], classes: Sequence[str]) -> list[int]:
    """The ids that the samples' dataset gives the classes; counted from 1 where they are not its own."""
    source = samples[0].source if samples else None
    known = source is not None and source.classes == tuple(classes)
    return list(source.category_ids) if source and known else list(range(1, len(classes) + 1))
