"""Pretraining without labels, as the verbs see it."""

from collections.abc import Mapping, Sequence
from typing import Self, cast

from torch import Tensor, nn

from tunesmith.data.classification import Sample
from tunesmith.networks import Network
from tunesmith.networks.mae.model import MaskedAutoencoder, Reconstruction, build, patch_side
from tunesmith.networks.mae.patches import fixed_kept
from tunesmith.networks.mae.spec import MaeSpec
from tunesmith.specs import Block, SpecError
from tunesmith.training.base_models import weights_of
from tunesmith.training.engine.settings import LoopSettings, OptimizerSettings, ScheduleSettings
from tunesmith.training.engine.training import Training
from tunesmith.training.engine.weights import load_weights, workspace_file
from tunesmith.training.run import Run
from tunesmith.training.tasks.base import ExportPlan, Task, TrainingData, Work
from tunesmith.training.tasks.classification.images import ImageBatch, ImageSource
from tunesmith.training.tasks.graphs import (
    Spread,
    example_of,
    graph_format,
    graph_input,
    load_resized,
    noise_of,
)
from tunesmith.training.tasks.image_format import ImageFormat
from tunesmith.training.tasks.learning import freeze
from tunesmith.training.tasks.pixels import Pixels
from tunesmith.training.tasks.pretraining import export, settings
from tunesmith.training.tasks.pretraining.augment import pretraining_variation
from tunesmith.training.tasks.pretraining.data import (
    images_at_hand,
    images_to_embed,
    images_to_measure,
    training_images,
)
from tunesmith.training.tasks.pretraining.drawing import Triptychs
from tunesmith.training.tasks.pretraining.metrics import ReconstructionMeter
from tunesmith.training.tasks.pretraining.reports import EvaluationReport, InferenceReport, Pictures
from tunesmith.training.tasks.pretraining.training import PretrainingTraining

Samples = tuple[list[Sample], list[Sample]]


class Pretraining(Task[ImageBatch]):
    """Fills in hidden parts of images.

    Attributes:
        trained: what images looked like in training.
        form: what they look like to the model at hand, which may be a graph of another size.
    """

    spec: MaeSpec
    continues = True

    def __init__(
        self,
        run: Run,
        network: Network,
        spec: Block,
        classes: tuple[str, ...],
        samples: Samples | None = None,
    ) -> None:
        super().__init__(run, network, spec, classes)
        self.trained = self.form = settings.image_format(self.spec)
        self._samples = samples
        if problems := list(settings.problems(self.spec)):
            raise SpecError(problems)

    @classmethod
    def for_training(cls, run: Run, network: Network, spec: Block, seed: int) -> Self:
        """The task of a job that trains, on the datasets of its request. It knows no classes."""
        return cls(run, network, spec, (), training_images(run, seed))

    @property
    def subject(self) -> str:
        """The encoder and the image size."""
        return f"{self.spec.model.arch} on images of {self.trained.width} x {self.trained.height} pixels"

    def build_model(self) -> nn.Module:
        """The autoencoder of the spec, with random weights."""
        return self._build(self.trained)

    def example_input(self) -> Tensor:
        """A black image."""
        return example_of(self.trained)[:1]

    def load_pretrained(self, model: nn.Module) -> None:
        """Fill in the base experiments' weights, then those that the spec names."""
        whole = cast("MaskedAutoencoder", model)
        for base in self.run.request.base_models:
            fitted = load_weights(whole, weights_of(self.run, base), f"base_experiment {base.name}")
            self.run.note(fitted)
        if key := self.spec.train.pretrained_model_path:
            path = "train.pretrained_model_path"
            self.run.note(load_weights(whole, workspace_file(self.run, key, path), path))

    def inputs(self, batch: ImageBatch) -> Tensor:
        """The images."""
        return batch.images

    def outputs(self, found: Sequence[Tensor]) -> Reconstruction:
        """As the model returns them."""
        return Reconstruction(*found)

    def training_data(self) -> TrainingData[ImageBatch]:
        """The images of the request, held in memory if they are few."""
        assert self._samples is not None  # noqa: S101 - for_training gave them
        train, validation = (self._pixels(samples) for samples in self._samples)
        vary = pretraining_variation(self.spec.dataset.augmentation)
        return TrainingData(
            train=ImageSource(train, vary=vary),
            plain=ImageSource(train),
            validation=ImageSource(validation) if validation.samples else None,
            summary=f"{len(train.samples)} images to learn from, {len(validation.samples)} to validate on",
        )

    def training(self, model: nn.Module) -> Training[ImageBatch]:
        """The error at hidden patches; what the spec freezes does not learn."""
        freeze(model, self.spec.train.freeze)
        return PretrainingTraining(model, self.trained, by_patch=self.spec.train.norm_pix_loss)

    def meter(self) -> ReconstructionMeter:
        """The loss, at the same hidden patches each time."""
        return self._meter(())

    def loop(self) -> LoopSettings:
        """From the sections train and dataset."""
        return settings.loop(self.spec)

    def optimizer(self) -> OptimizerSettings:
        """From the section train.optim."""
        return settings.pretraining_optimizer(self.spec)

    def schedule(self) -> ScheduleSettings:
        """From the section train.optim."""
        return settings.schedule(self.spec)

    def export_plan(self, weights: dict[str, Tensor], spec: Block) -> ExportPlan:
        """Encoder and decoder as a graph, of the size and channels that the job asks for."""
        given = graph_input(self.trained, cast("MaeSpec", spec).export)
        model = self._build(given)
        if (given.height, given.width) == (self.trained.height, self.trained.width):
            model.load_state_dict(weights)
        else:
            load_resized(model, weights, given)
        facts = {"model_name": self.spec.model_name, "backbone": self.spec.model.arch}
        return export.export_plan(model, self.trained, given, facts)

    def example_inputs(self, plan: ExportPlan, count: int) -> Tensor:
        """Images of a dataset that is here, else noise of the spread that normalised images have."""
        form = graph_format(plan.metadata)
        found = [sample for sample, _ in zip(images_at_hand(self.run), range(count), strict=False)]
        if len(found) == count:
            return ImageSource(Pixels(found, form)).fetch(range(count)).images
        return noise_of(form, count)

    def adopt_graph(self, metadata: Mapping[str, str]) -> None:
        """Take images as the graph takes them."""
        self.form = graph_format(metadata)

    def evaluation(self, spec: Block) -> Work[ImageBatch]:
        """Images with parts hidden; a linear probe where they lie in folders of classes."""
        own, images = cast("MaeSpec", spec).dataset, images_to_measure(self.run)
        meter = self._meter(images.classes)
        pictures = self._pictures(images.samples, meter)
        report = EvaluationReport(meter, pictures, images.classes)
        source = ImageSource(Pixels(images.samples, self.form))
        return Work(source, report, own.batch_size, own.num_workers_per_gpu, meter)

    def inference(self, spec: Block) -> Work[ImageBatch]:
        """Images to embed; those that cannot be read are reported, one by one."""
        own, samples = cast("MaeSpec", spec).dataset, images_to_embed(self.run)
        meter = self._meter(())
        report = InferenceReport(samples, meter, self._pictures(samples, meter))
        source = ImageSource(Pixels(samples, self.form), tolerant=True)
        return Work(source, report, own.batch_size, own.num_workers_per_gpu)

    def _build(self, form: ImageFormat) -> MaskedAutoencoder:
        return cast("MaskedAutoencoder", build(self.spec, size=(form.height, form.width)))

    @property
    def _kept(self) -> tuple[Tensor, int]:
        """The patches that the model at hand sees, and the side of a patch."""
        side = patch_side(self.spec)
        count = (self.form.height // side) * (self.form.width // side)
        return fixed_kept(count, self.spec.train.mask_ratio), side

    def _meter(self, classes: Sequence[str]) -> ReconstructionMeter:
        kept, side = self._kept
        by_patch = self.spec.train.norm_pix_loss
        spread = Spread(self.trained, self.form)
        return ReconstructionMeter(kept, side, by_patch=by_patch, spread=spread, classes=classes)

    def _pictures(self, samples: Sequence[Sample], meter: ReconstructionMeter) -> Pictures:
        kept, side = self._kept
        triptychs = Triptychs(self.trained, len(samples), [sample.name for sample in samples])
        return Pictures(triptychs, kept, side, meter, by_patch=self.spec.train.norm_pix_loss)

    def _pixels(self, samples: list[Sample]) -> Pixels[Sample]:
        pixels = Pixels(samples, self.trained)
        pixels.hold(self.run.raise_if_stopped)
        return pixels
