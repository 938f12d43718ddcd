"""The spec of classification_tf2, as the task reads it."""

from collections.abc import Iterator
from dataclasses import replace
from typing import Any, cast

from torch import Tensor
from torchvision.transforms import v2

from tunesmith.networks.classification_tf2.spec import ClassificationTf2Spec
from tunesmith.specs import SpecError, SpecProblem
from tunesmith.specs.block import UNSET_PATH
from tunesmith.specs.blocks.actions import Export
from tunesmith.training.engine.settings import LoopSettings, OptimizerSettings, Precision, ScheduleSettings
from tunesmith.training.tasks.augment import SMALLEST_CROP
from tunesmith.training.tasks.classification.dialects.base import Dialect, Mixed, Predicting, Varied, Weights
from tunesmith.training.tasks.image_format import ImageFormat

_IMAGENET = ((0.485, 0.456, 0.406), (0.229, 0.224, 0.225))
_COLOURS = {"brightness": 0.3, "contrast": 0.3, "saturation": 0.3, "hue": 0.1}
_OPTIMISERS = ("sgd", "adam", "rmsprop")
_NOT_DECAYED = ("bias", "bn", "norm")
_DIMENSIONS = {"conv2d": 4, "dense": 2}


class Tf2Dialect(Dialect):
    """See the methods of Dialect."""

    accuracy = "accuracy"
    difference = ""

    def __init__(self, spec: ClassificationTf2Spec) -> None:
        self._spec = spec
        self.smoothing = spec.train.label_smoothing
        self.keeps_head = spec.model.retain_head
        penalty = spec.train.reg_config
        self.l1 = penalty.weight_decay if penalty.type.lower() == "l1" else 0.0
        if penalty.scope != type(penalty)().scope:
            self.penalised = tuple(_DIMENSIONS[kind] for kind in penalty.scope if kind in _DIMENSIONS)

    @property
    def backbone(self) -> str:
        """model.backbone."""
        return self._spec.model.backbone

    @property
    def seed(self) -> int:
        """train.random_seed."""
        return self._spec.train.random_seed

    @property
    def topk(self) -> list[int]:
        """evaluate.top_k."""
        return [self._spec.evaluate.top_k]

    def form(self) -> ImageFormat:
        """model.input_*, normalised as dataset.preprocess_mode says."""
        data, model = self._spec.dataset, self._spec.model
        if len(data.image_mean) != 3:
            rule = "must hold three numbers"
            raise SpecError([SpecProblem("dataset.image_mean", rule, data.image_mean)])
        blue, green, red = (value / 255 for value in data.image_mean)
        mean: tuple[float, ...]
        std: tuple[float, ...]
        mean, std = {
            "caffe": ((red, green, blue), (1 / 255,) * 3),
            "torch": _IMAGENET,
            "tf": ((0.5,) * 3, (0.5,) * 3),
        }[data.preprocess_mode]
        if model.input_channels == 1:
            mean, std = (sum(mean) / 3,), (sum(std) / 3,)
        return ImageFormat(
            model.input_height,
            model.input_width,
            mean,
            std,
            bicubic=model.resize_interpolation_method == "bicubic",
            centred=data.augmentation.enable_center_crop,
        )

    def loop(self) -> LoopSettings:
        """From the section train."""
        train = self._spec.train
        return LoopSettings(
            epochs=train.num_epochs,
            batch_size=train.batch_size_per_gpu,
            workers=train.n_workers,
            seed=train.random_seed,
            precision=cast("Precision", train.precision),
            checkpoint_interval=train.checkpoint_interval,
            validation_interval=train.validation_interval,
        )

    def optimizer(self) -> OptimizerSettings:
        """From the sections train.optim_config and train.reg_config."""
        train, optim = self._spec.train, self._spec.train.optim_config
        asked, usual = train.lr_config.learning_rate, type(train.lr_config)().learning_rate
        return OptimizerSettings(
            name=optim.optimizer.lower(),
            lr=optim.lr if asked == usual else asked,
            weight_decay=train.reg_config.weight_decay if train.reg_config.type.lower() == "l2" else 0.0,
            momentum=optim.momentum,
            betas=(optim.beta_1, optim.beta_2),
            skip_names=_NOT_DECAYED,
            decayed=self.penalised,
            nesterov=optim.nesterov,
            eps=optim.epsilon,
            rho=optim.rho,
        )

    def schedule(self) -> ScheduleSettings:
        """From the section train.lr_config, and train.optim_config.decay where it is set."""
        rate, optim = self._spec.train.lr_config, self._spec.train.optim_config
        decay = 0.0 if optim.decay == type(optim)().decay else optim.decay
        parameters: dict[str, Any]
        match rate.scheduler:
            case "cosine":
                policy, parameters = "cosine", {"least": rate.min_lr_ratio}
            case "step":
                policy, parameters = "step", {"step_size": rate.step_size, "gamma": rate.gamma}
            case _:
                policy, parameters = (
                    "annealed",
                    {
                        "least": rate.min_lr_ratio,
                        "milestones": rate.annealing_points,
                        "gamma": 1 / rate.annealing_divider,
                    },
                )
        return ScheduleSettings(policy, parameters, warmup_share=rate.soft_start, decay=decay)

    def variation(self) -> Varied | None:
        """From the section dataset.augmentation."""
        given, model = self._spec.dataset.augmentation, self._spec.model
        size = (model.input_height, model.input_width)
        steps: list[v2.Transform] = []
        if given.enable_random_crop:
            steps.append(v2.RandomResizedCrop(size, (SMALLEST_CROP, 1.0), (1.0, 1.0), antialias=True))
        if not given.disable_horizontal_flip:
            steps.append(v2.RandomHorizontalFlip())
        if given.enable_color_augmentation:
            steps.append(v2.ColorJitter(**_COLOURS))
        if not steps:
            return None
        chain = v2.Compose(steps)
        return lambda image: cast("Tensor", chain(image))

    def mixing(self, classes: int) -> Mixed | None:
        """dataset.augmentation.mixup_alpha."""
        alpha = self._spec.dataset.augmentation.mixup_alpha
        if not alpha:
            return None
        mixup = v2.MixUp(alpha=alpha, num_classes=classes)
        return lambda images, labels: cast("tuple[Tensor, Tensor]", mixup(images, labels))

    def weights(self) -> Iterator[Weights]:
        """train.checkpoint."""
        yield Weights("train.checkpoint", self._spec.train.checkpoint, head=self.keeps_head)

    def export(self) -> Export:
        """With the channels that the model has; everything else as usual."""
        return Export(input_channel=self._spec.model.input_channels)

    def evaluating(self) -> Predicting:
        """From the section evaluate."""
        own = self._spec.evaluate
        return Predicting(own.batch_size, own.n_workers, draw_every=16, names=_named(own.classmap))

    def inferring(self) -> Predicting:
        """From the section evaluate, for inference has no such keys of its own."""
        return replace(self.evaluating(), names=_named(self._spec.inference.classmap))

    def problems(self, classes: int) -> Iterator[SpecProblem]:
        """What single keys cannot show."""
        spec, train = self._spec, self._spec.train
        asked = spec.dataset.num_classes
        if asked not in (classes, ClassificationTf2Spec().dataset.num_classes):
            rule = f"must be the number of classes in the class map, {classes}, or left at its default"
            yield SpecProblem("dataset.num_classes", rule, asked)
        name = train.optim_config.optimizer
        if name.lower() not in _OPTIMISERS:
            rule = f"must be one of {', '.join(_OPTIMISERS)}"
            yield SpecProblem("train.optim_config.optimizer", rule, name)
        penalty = train.reg_config.type
        if penalty.lower() not in {"l1", "l2", "none", ""}:
            yield SpecProblem("train.reg_config.type", "must be L1, L2 or None", penalty)
        if not set(train.reg_config.scope) <= set(_DIMENSIONS):
            rule = f"must hold kinds of layers: {', '.join(_DIMENSIONS)}"
            yield SpecProblem("train.reg_config.scope", rule, train.reg_config.scope)
        if train.batch_size_per_gpu < 1:
            yield SpecProblem("train.batch_size_per_gpu", "must be at least 1", train.batch_size_per_gpu)
        rate = train.lr_config
        if not 0 <= rate.soft_start < 1:
            yield SpecProblem("train.lr_config.soft_start", "must be from 0 to below 1", rate.soft_start)
        if rate.annealing_divider <= 0:
            rule = "must be above 0"
            yield SpecProblem("train.lr_config.annealing_divider", rule, rate.annealing_divider)
        for key in ("beta_1", "beta_2"):
            if (beta := getattr(train.optim_config, key)) >= 1:
                yield SpecProblem(f"train.optim_config.{key}", "must be from 0 to below 1", beta)


def _named(key: str) -> str:
    return "" if key == UNSET_PATH else key


DIALECT = Tf2Dialect
