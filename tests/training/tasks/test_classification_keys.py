"""Each key of model, dataset and train acts, or says why it does not."""

from typing import Any

import pytest
import torch
from tests.training.jobs import SMALL, Bench, nested
from tests.training.tasks.shared_keys import shared_keys

from tunesmith.networks.classification_pyt.model import build
from tunesmith.networks.classification_pyt.spec import ClassificationSpec
from tunesmith.specs import SpecError, validate_spec
from tunesmith.specs.block import key_facts
from tunesmith.training.engine.checkpoints import load_checkpoint
from tunesmith.training.tasks.classification.dialects.classification_pyt import PytDialect
from tunesmith.training.tasks.classification.metrics import ClassificationMeter
from tunesmith.training.tasks.classification.training import ClassificationTraining

SECTIONS = ("model.", "dataset.", "train.")
BASE = SMALL | {
    "dataset.augmentation.random_flip.enable": True,
    "dataset.augmentation.random_rotate.enable": True,
    "dataset.augmentation.random_color.enable": True,
    "dataset.augmentation.random_erase.enable": True,
    "dataset.augmentation.with_scale_random_crop.enable": True,
    "dataset.augmentation.mixup_cutmix": True,
    "train.enable_ema": True,
    "train.tensorboard.enabled": True,
}
CHANGES: dict[str, Any] = {
    "model.backbone.type": "test_vit",
    "model.backbone.freeze_backbone": True,
    "model.head.type": "LogisticRegressionHead",
    "model.head.binary": True,
    "model.head.custom_args": {"act_layer": "gelu"},
    "model.head.loss.label_smooth_val": 0.1,
    "model.head.topk": [3],
    "dataset.img_size": 64,
    "dataset.batch_size": 5,
    "dataset.workers": 3,
    "dataset.shuffle": False,
    "dataset.augmentation.random_flip.vflip_probability": 0.9,
    "dataset.augmentation.random_flip.hflip_probability": 0.9,
    "dataset.augmentation.random_flip.enable": False,
    "dataset.augmentation.random_rotate.rotate_probability": 0.9,
    "dataset.augmentation.random_rotate.angle_list": [45.0],
    "dataset.augmentation.random_rotate.enable": False,
    "dataset.augmentation.random_color.brightness": 0.9,
    "dataset.augmentation.random_color.contrast": 0.9,
    "dataset.augmentation.random_color.saturation": 0.9,
    "dataset.augmentation.random_color.hue": 0.2,
    "dataset.augmentation.random_color.enable": False,
    "dataset.augmentation.random_color.color_probability": 0.9,
    "dataset.augmentation.random_erase.enable": False,
    "dataset.augmentation.random_erase.erase_probability": 0.9,
    "dataset.augmentation.random_aug.enable": True,
    "dataset.augmentation.with_scale_random_crop.scale_range": [1.5, 2.0],
    "dataset.augmentation.with_scale_random_crop.enable": False,
    "dataset.augmentation.with_random_blur": True,
    "dataset.augmentation.with_random_crop": True,
    "dataset.augmentation.mean": [0.1, 0.1, 0.1],
    "dataset.augmentation.std": [0.1, 0.1, 0.1],
    "dataset.augmentation.mixup_cutmix": False,
    "dataset.augmentation.mixup_alpha": 0.9,
    "train.seed": 5,
    "train.num_epochs": 7,
    "train.checkpoint_interval": 4,
    "train.validation_interval": 4,
    "train.precision": "bf16",
    "train.optim.optim": "sgd",
    "train.optim.lr": 0.5,
    "train.optim.policy": "cosine",
    "train.optim.policy_params": {"step_size": 3, "gamma": 0.5},
    "train.optim.momentum": 0.5,
    "train.optim.weight_decay": 0.5,
    "train.optim.betas": [0.5, 0.5],
    "train.optim.skip_names": ["bias"],
    "train.optim.warmup_epochs": 2,
    "train.tensorboard.enabled": False,
    "train.tensorboard.infrequent_logging_frequency": 9,
    "train.enable_ema": False,
    "train.ema_decay": 0.5,
    "train.clip_grad_norm": 7.0,
}
SHOWN_ELSEWHERE = {
    "model.backbone.pretrained_backbone_path": "below",
    "train.pretrained_model_path": "below",
    "dataset.num_classes": "test_verb_train",
    "model.head.loss.type": "there is one choice",
    "train.cudnn.benchmark": "below",
    "train.cudnn.deterministic": "below",
    "train.num_gpus": "the scheduler's tests: it decides how many GPUs a job waits for",
    "train.num_nodes": "the tests of the Ray executor",
}


def spec_of(**changes: Any) -> ClassificationSpec:
    return validate_spec(ClassificationSpec, nested(BASE | changes))


def effects(spec: ClassificationSpec) -> list[Any]:
    """Everything that a training builds from its spec, as far as it can be compared."""
    model = build(spec, 2)
    head, dialect = spec.model.head, PytDialect(spec)
    torch.manual_seed(0)
    vary, erase, mix = dialect.variation(), dialect.erasing(), dialect.mixing(2)
    image = torch.arange(3 * 32 * 32).remainder(251).view(3, 32, 32).to(torch.uint8)
    pair = torch.zeros(2, 3, 32, 32)
    training = ClassificationTraining(model, dialect.form(), head.loss.label_smooth_val)
    return [
        str(model),
        model.frozen,
        head.type,
        training._smoothing,
        ClassificationMeter("ab", head.topk, 0.0)._topk,
        dialect.form(),
        [vary(image).tolist() for _ in range(20)] if vary else None,
        [erase(image.float()).tolist() for _ in range(20)] if erase else None,
        [mix(pair, torch.tensor([0, 1]))[1].tolist() for _ in range(5)] if mix else None,
        dialect.loop(),
        dialect.optimizer(),
        dialect.schedule(),
    ]


def acting_keys() -> list[str]:
    return [
        path
        for path, field in ClassificationSpec.leaves()
        if path.startswith(SECTIONS) and not key_facts(field).get("x-inert")
    ]


def test_every_acting_key_is_tried_here_or_elsewhere():
    assert set(acting_keys()) == set(CHANGES) | set(SHOWN_ELSEWHERE) | shared_keys(
        ClassificationSpec, SECTIONS
    )


@pytest.mark.parametrize("path", CHANGES)
def test_a_changed_key_changes_what_is_built(path):
    assert effects(spec_of(**{path: CHANGES[path]})) != effects(spec_of())


@pytest.mark.parametrize("key", ["benchmark", "deterministic"])
def test_cudnn_options_are_set(bench, digits, key):
    before = torch.backends.cudnn.benchmark, torch.backends.cudnn.deterministic
    for value in (True, False):
        specs = SMALL | {f"train.cudnn.{key}": value}
        bench.run("train", specs, train_datasets=(digits,), eval_dataset=digits)
        assert getattr(torch.backends.cudnn, key) is value
    torch.backends.cudnn.benchmark, torch.backends.cudnn.deterministic = before


@pytest.mark.parametrize(
    ("key", "head_too"),
    [("train.pretrained_model_path", True), ("model.backbone.pretrained_backbone_path", False)],
)
def test_pretrained_weights_of_the_workspace_are_begun_with(bench: Bench, digits, trained, key, head_too):
    path = f"{trained.run.request.results.location.prefix}/model_best.pth"
    # A learning rate of nothing keeps what was loaded.
    specs = SMALL | {key: path, "train.optim.lr": 0.0}
    job = bench.run("train", specs, train_datasets=(digits,), eval_dataset=digits)
    begun = load_checkpoint(job.results / "model_latest.pth")["model"]
    source = load_checkpoint(trained.results / "model_best.pth")["model"]
    assert torch.equal(begun["net.conv1.0.weight"], source["net.conv1.0.weight"])
    assert torch.equal(begun["net.fc.weight"], source["net.fc.weight"]) is head_too
    assert any(note.startswith(f"{key} (model_best.pth): ") for note in job.notes)


def test_twenty_classes_in_the_spec_are_the_untouched_default():
    PytDialect(validate_spec(ClassificationSpec, {})).check(7)
    assert ClassificationSpec().dataset.num_classes == 20
    with pytest.raises(SpecError, match=r"dataset\.num_classes"):
        PytDialect(validate_spec(ClassificationSpec, {"dataset": {"num_classes": 8}})).check(7)
