"""Masks from boxes, as the verbs see it."""

from collections.abc import Mapping
from typing import NoReturn, Self, cast

from torch import Tensor, nn

from tunesmith.networks import Network
from tunesmith.networks.mal.model import MaskAutoLabeller, build
from tunesmith.networks.mal.spec import MalSpec
from tunesmith.specs import Block
from tunesmith.training.base_models import weights_of
from tunesmith.training.engine.settings import LoopSettings, OptimizerSettings, ScheduleSettings
from tunesmith.training.engine.training import Training
from tunesmith.training.engine.weights import load_weights, workspace_file
from tunesmith.training.run import Run
from tunesmith.training.tasks.auto_labelling import settings
from tunesmith.training.tasks.auto_labelling.crops import CropBatch, CropSource
from tunesmith.training.tasks.auto_labelling.metrics import MaskMeter
from tunesmith.training.tasks.auto_labelling.reports import EvaluationReport, InferenceReport
from tunesmith.training.tasks.auto_labelling.samples import (
    Instance,
    TrainingSamples,
    masked_objects,
    objects_to_label,
    training_samples,
)
from tunesmith.training.tasks.auto_labelling.training import AutoLabellingTraining
from tunesmith.training.tasks.base import ExportPlan, Task, TrainingData, Work
from tunesmith.training.tasks.graphs import example_of


class AutoLabelling(Task[CropBatch]):
    """Finds the mask of an object in its box.

    Attributes:
        form: what crops look like to the model.
    """

    spec: MalSpec

    def __init__(
        self,
        run: Run,
        network: Network,
        spec: Block,
        classes: tuple[str, ...],
        samples: TrainingSamples | None = None,
    ) -> None:
        super().__init__(run, network, spec, classes)
        settings.check(self.spec)
        self.form = settings.image_format(self.spec)
        self._samples = samples

    @classmethod
    def for_training(cls, run: Run, network: Network, spec: Block, seed: int) -> Self:
        """The task of a job that trains, on the datasets of its request."""
        data = cast("MalSpec", spec).dataset
        sizes = (data.min_obj_size, data.max_obj_size)
        files = settings.annotation_files(cast("MalSpec", spec))
        samples = training_samples(run, seed, sizes, masks=data.load_mask, files=files)
        return cls(run, network, spec, samples.classes, samples)

    @property
    def subject(self) -> str:
        """The encoder and the size of crops."""
        return f"{self.spec.model.arch} on crops of {self.form.width} x {self.form.height} pixels"

    def build_model(self) -> nn.Module:
        """The model of the spec, with random weights."""
        return build(self.spec)

    def example_input(self) -> Tensor:
        """A black crop."""
        return example_of(self.form)[:1]

    def load_pretrained(self, model: nn.Module) -> None:
        """Fill in the base experiments' weights, of encoders, then those that the spec names, of either."""
        for base in self.run.request.base_models:
            file = weights_of(self.run, base)
            self.run.note(load_weights(model, file, f"base_experiment {base.name}"))
        if key := self.spec.train.pretrained_model_path:
            path = "train.pretrained_model_path"
            self.run.note(load_weights(model, workspace_file(self.run, key, path), path))

    def inputs(self, batch: CropBatch) -> Tensor:
        """The crops."""
        return batch.crops

    def training_data(self) -> TrainingData[CropBatch]:
        """The objects of the request."""
        assert self._samples is not None  # noqa: S101 - for_training gave them
        train, measured = self._samples.train, self._samples.validation
        rates = self.spec.train.margin_rate
        varied = self._source(train, rates, varied=True)
        counts = f"{len(train)} objects to learn from, {len(measured)} to validate on"
        return TrainingData(
            train=varied,
            plain=self._source(train, rates),
            validation=self._masked(measured) if measured else None,
            summary=f"{counts}, {len(self.classes)} classes",
        )

    def training(self, model: nn.Module) -> Training[CropBatch]:
        """The losses of boxes."""
        return AutoLabellingTraining(model, self.form, self.spec.train)

    def meter(self) -> MaskMeter:
        """mIoU of the validation's objects."""
        assert self._samples is not None  # noqa: S101 - for_training gave them
        return MaskMeter(self._samples.validation, self.spec.train.mask_thres, clusters=False)

    def loop(self) -> LoopSettings:
        """From the sections train and dataset."""
        return settings.loop(self.spec)

    def optimizer(self) -> OptimizerSettings:
        """From the section train."""
        return settings.optimizer(self.spec)

    def schedule(self) -> ScheduleSettings:
        """From the section train."""
        return settings.schedule(self.spec)

    def prepared(self, model: nn.Module, spec: Block) -> nn.Module:
        """Student, teacher or both, by the job's section evaluate."""
        return settings.say(cast("MaskAutoLabeller", model), cast("MalSpec", spec))

    def evaluation(self, spec: Block) -> Work[CropBatch]:
        """Objects whose masks are known."""
        files = settings.annotation_files(cast("MalSpec", spec))
        own, samples = self._own(spec), masked_objects(self.run, files)
        meter = MaskMeter(samples, own.train.mask_thres, clusters=own.evaluate.comp_clustering)
        report = EvaluationReport(samples, self.form, meter)
        source = self._masked(samples, own)
        return Work(source, report, own.evaluate.batch_size, own.dataset.num_workers_per_gpu, meter)

    def inference(self, spec: Block) -> Work[CropBatch]:
        """Objects whose boxes are known."""
        own = self._own(spec)
        files = settings.annotation_files(cast("MalSpec", spec))
        source, samples = objects_to_label(self.run, masks=own.inference.load_mask, files=files)
        meter = None
        if own.inference.load_mask and source.masked:
            meter = MaskMeter(samples, own.train.mask_thres, clusters=own.evaluate.comp_clustering)
        report = InferenceReport(source, samples, own, meter)
        crops = self._masked(samples, own) if meter else self._source(samples, own.train.test_margin_rate)
        return Work(crops, report, own.inference.batch_size, own.dataset.num_workers_per_gpu)

    def export_plan(self, weights: dict[str, Tensor], spec: Block) -> ExportPlan:  # noqa: ARG002
        """The network has no action that exports."""
        return self._exports_nothing()

    def example_inputs(self, plan: ExportPlan, count: int) -> Tensor:  # noqa: ARG002
        """The network has no action that exports."""
        return self._exports_nothing()

    def adopt_graph(self, metadata: Mapping[str, str]) -> None:  # noqa: ARG002
        """The network has no action that exports."""
        self._exports_nothing()

    def _own(self, spec: Block) -> MalSpec:
        """The job's spec; how masks are made is as in training, where it leaves that open."""
        own, untouched = cast("MalSpec", spec), MalSpec()
        for path in ("train.test_margin_rate", "train.mask_thres"):
            if own.value(path) == untouched.value(path):
                own = own.replaced(path, self.spec.value(path))
        return own

    def _exports_nothing(self) -> NoReturn:
        raise NotImplementedError(f"{self.network.arch} has no action that exports")

    def _source(
        self, samples: list[Instance], margins: list[float], *, masks: bool = False, varied: bool = False
    ) -> CropSource:
        source = CropSource(samples, self.form, margins, masks=masks, varied=varied)
        source.hold(self.run.raise_if_stopped)
        return source

    def _masked(self, samples: list[Instance], spec: MalSpec | None = None) -> CropSource:
        margins = (spec or self.spec).train.test_margin_rate
        return self._source(samples, margins, masks=True)
