"""Segmentation by masks, as the verbs see it."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from importlib import import_module
from typing import Any, Self, cast

import torch
from torch import Tensor, nn

from tunesmith.networks import Network
from tunesmith.networks.detection import Resize
from tunesmith.networks.layers.masker import Entry, Legend, Masker, MaskPredictions
from tunesmith.networks.panoptic import MaskerSettings
from tunesmith.specs import Block
from tunesmith.training.base_models import weights_of
from tunesmith.training.engine.settings import LoopSettings, OptimizerSettings, ScheduleSettings
from tunesmith.training.engine.training import Training
from tunesmith.training.engine.weights import load_weights, workspace_file
from tunesmith.training.run import Run
from tunesmith.training.tasks import learning
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
from tunesmith.training.tasks.panoptic import settings
from tunesmith.training.tasks.panoptic.batches import Decoded, Inputs, MaskBatch, MaskSource
from tunesmith.training.tasks.panoptic.evaluation import EvaluationReport
from tunesmith.training.tasks.panoptic.metrics import Classes, MaskMeter
from tunesmith.training.tasks.panoptic.predictions import InferenceReport
from tunesmith.training.tasks.panoptic.samples import (
    MaskSample,
    TrainingSamples,
    images_to_predict,
    labelled_samples,
    samples_at_hand,
    training_samples,
)
from tunesmith.training.tasks.panoptic.training import MaskTraining

_RETURNED = Returned(("pred_logits", "pred_masks"), lambda found: (found.logits, found.masks))
_IDS, _THINGS, _COLOURS = "class_ids", "class_is_thing", "class_colours"


class PanopticSegmentation(Task[MaskBatch]):
    """Predicts masks, each with the class of what it shows.

    Attributes:
        settings: the spec in the task's terms.
        form: what training images look like to the model.
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
        self.settings: MaskerSettings = self._module.settings(spec)
        self.form = settings.image_format(self.settings)
        self._samples = samples
        self._graph_form: ImageFormat | None = None
        self._model: Masker | None = None
        self._legend: Legend | None = None
        settings.check(self.settings, len(classes))

    @classmethod
    def for_training(cls, run: Run, network: Network, spec: Block, seed: int) -> Self:
        """The task of a job that trains, on the datasets of its request."""
        samples = training_samples(run, import_module(network.model).settings(spec), seed)
        return cls(run, network, spec, samples.classes, samples)

    @property
    def subject(self) -> str:
        """The model and the image size."""
        return self.settings.subject

    def build_model(self) -> nn.Module:
        """The model of the spec, with random weights."""
        self._model = cast("Masker", self._module.build(self.spec, len(self.classes)))
        self._legend = self._model.legend
        if self._samples:
            self._legend.fill(self._samples.entries)
        return self._model

    def load_pretrained(self, model: nn.Module) -> None:
        """Fill in the base experiments' weights, then those that the spec names."""
        masker = cast("Masker", model)
        for note in self.settings.notes:
            self.run.note(f"{note} Published weights of it do not fit.")
        for base in self.run.request.base_models:
            file = weights_of(self.run, base)
            fitted = load_weights(masker, file, f"base_experiment {base.name}", masker.head_names)
            self.run.note(f"{fitted} The classifier of {len(self.classes)} classes begins anew.")
        for path, (key, part) in self.settings.files.items():
            if key:
                file = workspace_file(self.run, key, path)
                self.run.note(load_weights(masker.part(part), file, path, () if part else ("legend.",)))

    def inputs(self, batch: MaskBatch) -> Tensor:
        """The images."""
        return batch.images

    def outputs(self, found: Sequence[Tensor]) -> MaskPredictions:
        """The logits and the masks."""
        return MaskPredictions(found[0], found[1])

    def example_input(self) -> Tensor:
        """An image of the trained size."""
        return example_of(self.form)[:1]

    def training_data(self) -> TrainingData[MaskBatch]:
        """The images of the request, held in memory if they are few."""
        assert self._samples is not None  # noqa: S101 - for_training gave them
        train, validation = self._samples.train, self._samples.validation
        own, batch = self.settings, self.settings.train.batch_size
        if own.learning.dry_run:
            self.run.note("train.is_dry_run: one batch is trained and validated.")
            train, validation = train[:batch], validation[:batch]
        learnt, measured = self._decoded(train), self._decoded(validation)
        plain = settings.plain_inputs(own, self.form)
        count = own.steps * batch if own.steps and not own.learning.dry_run else None
        counts = f"{len(train)} images to learn from, {len(validation)} to validate on"
        return TrainingData(
            train=MaskSource(learnt, settings.training_inputs(own, self.form), count=count),
            plain=MaskSource(learnt, plain),
            validation=MaskSource(measured, plain) if validation else None,
            summary=f"{counts}, {len(self.classes)} classes",
        )

    def training(self, model: nn.Module) -> Training[MaskBatch]:
        """The model's own losses; what the spec freezes does not learn."""
        learning.freeze(model, self.settings.learning.freeze)
        if self.settings.learning.verbose:
            learning.list_parameters(model)
        return MaskTraining(cast("Masker", model), self.form)

    def meter(self) -> MaskMeter:
        """Loss, mIoU and accuracies; panoptic quality and COCO's figures of masks, by the mode."""
        assert self._samples is not None  # noqa: S101 - trainings alone ask
        return self._meter(self._samples.validation)

    def loop(self) -> LoopSettings:
        """From the sections train and dataset."""
        return settings.loop(self.settings, self.spec)

    def optimizer(self) -> OptimizerSettings:
        """From the section train.optim."""
        return settings.optimizer(self.settings)

    def schedule(self) -> ScheduleSettings:
        """From the section train.optim."""
        return learning.schedule(self.settings.learning)

    def export_plan(self, weights: dict[str, Tensor], spec: Block) -> ExportPlan:
        """The model as a graph, of the size that the job asks for."""
        given = graph_input(self.form, cast("Any", spec).export)
        size = (given.height, given.width)
        model: Masker = self._module.build(self.spec, len(self.classes), size=size)
        load_resized(model, weights, given)
        legend = model.legend
        facts = {
            "model_name": self.spec.value("model_name"),
            "architecture": self.network.arch,
            "masks": "pred_masks: sigmoids; pred_logits: softmax, the last column is nothing",
            _IDS: _text(legend.ids),
            _THINGS: _text(legend.things.long()),
            _COLOURS: _text(legend.colours.flatten()),
        }
        return export_plan(model, (self.form, given), _RETURNED, self.classes, facts, "inputs")

    def example_inputs(self, plan: ExportPlan, count: int) -> Tensor:
        """Images of a dataset that is here, else noise of the spread that normalised images have."""
        form = graph_format(plan.metadata)
        samples = samples_at_hand(self.run, self.settings)
        found = [sample for sample, _ in zip(samples, range(count), strict=False)]
        if len(found) == count:
            return MaskSource(Decoded(found), self._fixed(form)).fetch(range(count)).images
        return noise_of(form, count)

    def adopt_graph(self, metadata: Mapping[str, str]) -> None:
        """Take images as the graph takes them, and its classes as it tells them."""
        self._graph_form = graph_format(metadata)
        ids, things, colours = (
            torch.tensor([int(one) for one in metadata[name].split()]) for name in (_IDS, _THINGS, _COLOURS)
        )
        self._legend = Legend(len(self.classes))
        self._legend.fill(_entries(self.classes, ids, things, colours.reshape(-1, 3)))

    def evaluation(self, spec: Block) -> Work[MaskBatch]:
        """Images with segments, with metrics by class, confusion matrix and pictures."""
        own: MaskerSettings = self._module.settings(spec)
        samples = labelled_samples(self.run, self._asked(own), self.classes)
        meter = self._meter(samples)
        report = EvaluationReport(samples, self._told(), self._classes(), meter)
        source = MaskSource(Decoded(samples), self._inputs(own.evaluate.sizing))
        return Work(source, report, own.evaluate.batch_size, own.evaluate.workers, meter)

    def inference(self, spec: Block) -> Work[MaskBatch]:
        """Images to predict; those that cannot be read are reported, one by one."""
        own: MaskerSettings = self._module.settings(spec)
        samples = images_to_predict(self.run, own)
        report = InferenceReport(samples, self._told(), self._classes(own), self.run.results)
        source = MaskSource(Decoded(samples), self._inputs(own.predict.sizing), tolerant=True)
        return Work(source, report, own.predict.batch_size, own.predict.workers)

    def _asked(self, own: MaskerSettings) -> MaskerSettings:
        """What a job asks for, in the mode that the model was trained in."""
        return replace(own, mode=self.settings.mode)

    def _inputs(self, sizing: Any) -> Inputs:
        """How a job's images become inputs. A graph takes one size alone."""
        if self._graph_form:
            return self._fixed(self._graph_form)
        return replace(settings.plain_inputs(self.settings, self.form), sizing=sizing)

    def _fixed(self, form: ImageFormat) -> Inputs:
        sizing = Resize(form.height, form.width, keep_aspect=True)
        return replace(settings.plain_inputs(self.settings, form), sizing=sizing, fixed=True)

    def _decoded(self, samples: list[MaskSample]) -> Decoded:
        decoded = Decoded(samples)
        decoded.hold(self.run.raise_if_stopped)
        return decoded

    def _meter(self, samples: list[MaskSample]) -> MaskMeter:
        if self._model is None:
            legend = self._legend
            self.build_model()  # for its losses: a graph has none
            self._legend = legend
        assert self._model is not None  # noqa: S101 - it was built
        return MaskMeter(samples, self._classes(), self._model.criterion)

    def _classes(self, own: MaskerSettings | None = None) -> Classes:
        known = self.settings
        things = torch.tensor([one.is_thing for one in self._told()])
        return Classes(self.classes, things, known.mode, (own or known).merging)

    def _told(self) -> tuple[Entry, ...]:
        """The classes as the model remembers them."""
        if self._legend is None:
            self.build_model()
        legend = cast("Legend", self._legend)
        return _entries(self.classes, legend.ids, legend.things, legend.colours)


def _entries(classes: Sequence[str], ids: Tensor, things: Tensor, colours: Tensor) -> tuple[Entry, ...]:
    columns = zip(classes, ids.tolist(), things.tolist(), colours.tolist(), strict=True)
    return tuple(Entry(own, name, bool(thing), (r, g, b)) for name, own, thing, (r, g, b) in columns)


def _text(numbers: Tensor) -> str:
    return " ".join(str(one) for one in numbers.tolist())
