"""The spec of classification_pyt, as the task reads it."""

from collections.abc import Iterator
from typing import cast

from tunesmith.networks.backbones import backbone_of
from tunesmith.networks.classification_pyt.spec import ClassificationSpec
from tunesmith.specs import SpecProblem
from tunesmith.specs.blocks.actions import Export
from tunesmith.training.engine.settings import LoopSettings, OptimizerSettings, Precision, ScheduleSettings
from tunesmith.training.tasks.classification.augment import build_erasing, build_mixing, build_variation
from tunesmith.training.tasks.classification.dialects.base import Dialect, Mixed, Predicting, Varied, Weights
from tunesmith.training.tasks.image_format import ImageFormat


class PytDialect(Dialect):
    """See the methods of Dialect."""

    def __init__(self, spec: ClassificationSpec) -> None:
        self._spec = spec
        head = spec.model.head
        self.logistic = head.type == "LogisticRegressionHead"
        self.smoothing = head.loss.label_smooth_val

    @property
    def backbone(self) -> str:
        """model.backbone.type."""
        return self._spec.model.backbone.type

    @property
    def difference(self) -> str:
        """From the published backbone."""
        built = backbone_of(self.backbone)
        if not built.difference:
            return ""
        return (
            f"The backbone {self.backbone} is built as timm's {built.timm_name}: {built.difference}. "
            f"Published weights of {self.backbone} do not fit it."
        )

    @property
    def seed(self) -> int:
        """train.seed."""
        return self._spec.train.seed

    @property
    def topk(self) -> list[int]:
        """model.head.topk."""
        return self._spec.model.head.topk

    def form(self) -> ImageFormat:
        """A square of dataset.img_size."""
        given = self._spec.dataset
        return ImageFormat.square(given.img_size, given.augmentation.mean, given.augmentation.std, "dataset")

    def loop(self) -> LoopSettings:
        """From the sections train and dataset."""
        train, data, board = self._spec.train, self._spec.dataset, self._spec.train.tensorboard
        return LoopSettings(
            epochs=train.num_epochs,
            batch_size=data.batch_size,
            workers=data.workers,
            shuffle=data.shuffle,
            seed=train.seed,
            precision=cast("Precision", train.precision),
            checkpoint_interval=train.checkpoint_interval,
            validation_interval=train.validation_interval,
            clip_norm=train.clip_grad_norm,
            ema_decay=train.ema_decay if train.enable_ema else None,
            tensorboard_interval=board.infrequent_logging_frequency if board.enabled else None,
        )

    def optimizer(self) -> OptimizerSettings:
        """From the section train.optim."""
        optim = self._spec.train.optim
        return OptimizerSettings(
            name=optim.optim,
            lr=optim.lr,
            weight_decay=optim.weight_decay,
            momentum=optim.momentum,
            betas=(optim.betas[0], optim.betas[1]),
            skip_names=tuple(optim.skip_names),
        )

    def schedule(self) -> ScheduleSettings:
        """From the section train.optim."""
        optim = self._spec.train.optim
        return ScheduleSettings(optim.policy, dict(optim.policy_params), optim.warmup_epochs)

    def variation(self) -> Varied | None:
        """From the section dataset.augmentation."""
        return build_variation(self._spec.dataset.augmentation, self._spec.dataset.img_size)

    def erasing(self) -> Varied | None:
        """From the section dataset.augmentation."""
        return build_erasing(self._spec.dataset.augmentation)

    def mixing(self, classes: int) -> Mixed | None:
        """From the section dataset.augmentation."""
        return build_mixing(self._spec.dataset.augmentation, classes)

    def weights(self) -> Iterator[Weights]:
        """Those of the backbone, then those of the whole model."""
        key = "model.backbone.pretrained_backbone_path"
        yield Weights(key, self._spec.model.backbone.pretrained_backbone_path, head=False)
        yield Weights("train.pretrained_model_path", self._spec.train.pretrained_model_path, head=True)

    def export(self) -> Export:
        """The section export."""
        return self._spec.export

    def evaluating(self) -> Predicting:
        """From the sections dataset and evaluate."""
        data = self._spec.dataset
        return Predicting(data.batch_size, data.workers, self._spec.evaluate.vis_after_n_batches)

    def inferring(self) -> Predicting:
        """From the sections dataset and inference."""
        data = self._spec.dataset
        return Predicting(data.batch_size, data.workers, self._spec.inference.vis_after_n_batches)

    def problems(self, classes: int) -> Iterator[SpecProblem]:
        """What single keys cannot show."""
        spec = self._spec
        asked = spec.dataset.num_classes
        if asked not in (classes, ClassificationSpec().dataset.num_classes):
            rule = f"must be the number of classes in classes.txt, {classes}, or left at its default"
            yield SpecProblem("dataset.num_classes", rule, asked)
        if any(k < 1 for k in self.topk):
            yield SpecProblem("model.head.topk", "must hold whole numbers of at least 1", self.topk)
        betas = spec.train.optim.betas
        if len(betas) != 2 or not all(0 <= beta < 1 for beta in betas):
            yield SpecProblem("train.optim.betas", "must hold two numbers from 0 to below 1", betas)
        if not 0 <= spec.train.ema_decay < 1:
            yield SpecProblem("train.ema_decay", "must be from 0 to below 1", spec.train.ema_decay)
        if spec.train.clip_grad_norm < 0:
            yield SpecProblem("train.clip_grad_norm", "must be at least 0", spec.train.clip_grad_norm)


DIALECT = PytDialect
