"""The spec of mae in fine-tuning, as the task reads it."""

from collections.abc import Iterator

from tunesmith.networks.mae.spec import MaeSpec
from tunesmith.specs import SpecProblem
from tunesmith.specs.blocks.actions import OnnxExport
from tunesmith.training.engine.settings import LoopSettings, OptimizerSettings, ScheduleSettings
from tunesmith.training.tasks.classification.dialects.base import Dialect, Mixed, Predicting, Varied, Weights
from tunesmith.training.tasks.image_format import ImageFormat
from tunesmith.training.tasks.pretraining import augment, settings


class MaeDialect(Dialect):
    """See the methods of Dialect."""

    def __init__(self, spec: MaeSpec) -> None:
        self._spec = spec
        self.smoothing = spec.dataset.augmentation.smoothing

    @property
    def backbone(self) -> str:
        """model.arch."""
        return self._spec.model.arch

    @property
    def difference(self) -> str:
        """There is none."""
        return ""

    @property
    def seed(self) -> int:
        """train.seed."""
        return self._spec.train.seed

    @property
    def topk(self) -> list[int]:
        """The first alone."""
        return [1]

    def form(self) -> ImageFormat:
        """A square of dataset.augmentation.input_size."""
        return settings.image_format(self._spec)

    def loop(self) -> LoopSettings:
        """From the sections train and dataset."""
        return settings.loop(self._spec)

    def optimizer(self) -> OptimizerSettings:
        """From the section train.optim: each layer at a rate of its own."""
        return settings.finetuning_optimizer(self._spec)

    def schedule(self) -> ScheduleSettings:
        """From the section train.optim."""
        return settings.schedule(self._spec)

    def variation(self) -> Varied | None:
        """From the section dataset.augmentation."""
        return augment.finetuning_variation(self._spec.dataset.augmentation)

    def erasing(self) -> Varied | None:
        """From the section dataset.augmentation."""
        return augment.erasing(self._spec.dataset.augmentation)

    def mixing(self, classes: int) -> Mixed | None:
        """From the section dataset.augmentation."""
        return augment.mixing(self._spec.dataset.augmentation, classes)

    def weights(self) -> Iterator[Weights]:
        """Those of the whole model, or of an autoencoder, which has no classifier."""
        yield Weights("train.pretrained_model_path", self._spec.train.pretrained_model_path, head=True)

    def export(self) -> OnnxExport:
        """The section export."""
        return self._spec.export

    def evaluating(self) -> Predicting:
        """From the section dataset."""
        return Predicting(self._spec.dataset.batch_size, self._spec.dataset.num_workers_per_gpu)

    def inferring(self) -> Predicting:
        """From the section dataset."""
        return self.evaluating()

    def problems(self, classes: int) -> Iterator[SpecProblem]:
        """What single keys cannot show."""
        asked = self._spec.model.num_classes
        if asked not in (classes, MaeSpec().model.num_classes):
            rule = f"must be the number of folders of images, {classes}, or left at its default"
            yield SpecProblem("model.num_classes", rule, asked)
        yield from augment.problems(self._spec.dataset.augmentation)
        yield from settings.problems(self._spec)


DIALECT = MaeDialect
