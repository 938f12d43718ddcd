"""The spec of mal as the training engine's settings."""

from collections.abc import Iterator
from typing import cast

from tunesmith.networks.mal.model import MaskAutoLabeller
from tunesmith.networks.mal.spec import MalSpec, Train
from tunesmith.specs import SpecError, SpecProblem
from tunesmith.training.engine.settings import LoopSettings, OptimizerSettings, ScheduleSettings
from tunesmith.training.tasks.auto_labelling.samples import AnnotationFiles
from tunesmith.training.tasks.image_format import ImageFormat

MEAN, STD = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)


def image_format(spec: MalSpec) -> ImageFormat:
    """A square of dataset.crop_size, normalised as the published encoders were trained."""
    return ImageFormat(spec.dataset.crop_size, spec.dataset.crop_size, MEAN, STD)


def loop(spec: MalSpec) -> LoopSettings:
    """Length, intervals and numbers of a training."""
    train = spec.train
    return LoopSettings(
        epochs=train.num_epochs,
        batch_size=train.batch_size,
        workers=spec.dataset.num_workers_per_gpu,
        seed=train.seed,
        precision="auto" if train.use_amp else "fp32",
        checkpoint_interval=train.checkpoint_interval,
        validation_interval=train.validation_interval,
        accumulated=train.accum_grad_batches,
    )


def optimizer(spec: MalSpec) -> OptimizerSettings:
    """The optimiser."""
    train, usual = spec.train, type(spec.train)()
    touched = train.optim_momentum != usual.optim_momentum
    return OptimizerSettings(
        name="adamw",
        lr=train.lr,
        weight_decay=train.wd,
        betas=(train.optim_momentum if touched else train.optim_betas[0], train.optim_betas[1]),
        eps=train.optim_eps,
    )


def schedule(spec: MalSpec) -> ScheduleSettings:
    """The learning-rate schedule."""
    train = spec.train
    least = max(train.min_lr_rate, train.min_lr / train.lr if train.lr else 0.0)
    return ScheduleSettings("cosine", {"least": least, "waves": train.num_wave}, train.warmup_epochs)


def say(model: MaskAutoLabeller, spec: MalSpec) -> MaskAutoLabeller:
    """Have the model return the masks that the section evaluate asks for."""
    evaluate = spec.evaluate
    if evaluate.use_mixed_model_test:
        model.speaker = "both"
    else:
        model.speaker = "teacher" if evaluate.use_teacher_test else "student"
    model.flips = evaluate.use_flip_test
    return model


def annotation_files(spec: MalSpec) -> AnnotationFiles:
    """The files of the workspace that stand for the datasets' own annotations."""
    usual = type(spec)()

    def named(path: str) -> tuple[str, str] | None:
        key = spec.value(path)
        return None if key == usual.value(path) else (path, key)

    return AnnotationFiles(
        named("dataset.train_ann_path"), named("dataset.val_ann_path"), named("inference.ann_path")
    )


def check(spec: MalSpec) -> None:
    """Hold the keys against their rules and each other.

    Raises:
        SpecError: with everything that is wrong.
    """
    if problems := list(_problems(spec)):
        raise SpecError(problems)


def _problems(spec: MalSpec) -> Iterator[SpecProblem]:
    train, data = spec.train, spec.dataset
    yield from _list_problems(spec)
    for name in ("crf_zeta", "num_wave", "optim_eps"):
        if (value := getattr(train, name)) <= 0:
            yield SpecProblem(f"train.{name}", "must be above 0", value)
    for name in ("wd", "min_lr", "loss_mil_weight", "loss_crf_weight", "crf_num_iter"):
        if (value := getattr(train, name)) < 0:
            yield SpecProblem(f"train.{name}", "must be at least 0", value)
    low, high = train.crf_value_low_thres, train.crf_value_high_thres
    name = spec.inference.label_dump_path.rpartition("/")[2]
    for path, value, rule, right in (
        ("train.crf_kernel_size", train.crf_kernel_size, "must be odd, at least 3", _is_odd(train)),
        ("train.crf_size_ratio", train.crf_size_ratio, "must be at least 1", train.crf_size_ratio >= 1),
        (
            "train.crf_value_low_thres",
            low,
            "must be from 0 to crf_value_high_thres, which is 1 at most",
            0 <= low <= high <= 1,
        ),
        (
            "dataset.min_obj_size",
            data.min_obj_size,
            "must be at most max_obj_size",
            data.min_obj_size <= data.max_obj_size,
        ),
        (
            "dataset.num_workers_per_gpu",
            data.num_workers_per_gpu,
            "must be at least 0",
            data.num_workers_per_gpu >= 0,
        ),
        ("inference.label_dump_path", name, "must be the name of a .json file", name.endswith(".json")),
    ):
        if not right:
            yield SpecProblem(path, rule, value)


def _is_odd(train: Train) -> bool:
    return train.crf_kernel_size >= 3 and train.crf_kernel_size % 2 == 1


def _list_problems(spec: MalSpec) -> Iterator[SpecProblem]:
    train = spec.train
    for name in ("margin_rate", "test_margin_rate"):
        rates = cast("list[float]", getattr(train, name))
        if len(rates) != 2 or not 0 <= rates[0] <= rates[1]:
            rule = "must hold two numbers of at least 0, the smaller one first"
            yield SpecProblem(f"train.{name}", rule, rates)
    if len(train.mask_thres) not in (1, 3) or not all(0 < one < 1 for one in train.mask_thres):
        rule = "must hold one number, or three, above 0 and below 1"
        yield SpecProblem("train.mask_thres", rule, train.mask_thres)
    if train.optim_momentum == 1:
        yield SpecProblem("train.optim_momentum", "must be from 0 to below 1", train.optim_momentum)
    if len(train.optim_betas) != 2 or not all(0 <= one < 1 for one in train.optim_betas):
        rule = "must hold two numbers from 0 to below 1"
        yield SpecProblem("train.optim_betas", rule, train.optim_betas)
