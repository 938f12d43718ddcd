"""Each key of mae's model, dataset and train acts, or says why it does not."""

import random
from typing import Any

import numpy as np
import pytest
import torch
from tests.training.jobs import nested
from tests.training.tasks.shared_keys import shared_keys
from tests.training.unlabelled import SMALL_MAE

from tunesmith.networks.classifier import Classifier
from tunesmith.networks.mae.model import build
from tunesmith.networks.mae.spec import MaeSpec
from tunesmith.specs import SpecError, validate_spec
from tunesmith.specs.block import key_facts
from tunesmith.training.engine.optimizers import build_optimizer
from tunesmith.training.tasks.classification.dialects.mae import MaeDialect
from tunesmith.training.tasks.classification.images import ImageBatch
from tunesmith.training.tasks.learning import freeze
from tunesmith.training.tasks.pretraining import settings, task_for
from tunesmith.training.tasks.pretraining.augment import pretraining_variation
from tunesmith.training.tasks.pretraining.training import PretrainingTraining

SECTIONS = ("model.", "dataset.", "train.")
VARIED = "dataset.augmentation."
CUT = {"min_scale": 0.6, "max_scale": 1.0, "min_ratio": 0.75, "max_ratio": 1.33}
BASE = SMALL_MAE | {f"{VARIED}{key}": value for key, value in CUT.items()}
BASE |= {f"{VARIED}hflip": 0.5, f"{VARIED}re_prob": 0.3, "train.optim.lr_scheduler": "MultiStep"}
CHANGES: dict[str, Any] = {
    "model.arch": "timm/test_convnext2",
    "model.num_classes": 4,
    "model.drop_path_rate": 0.4,
    "model.global_pool": False,
    "model.decoder_depth": 2,
    "model.decoder_embed_dim": 32,
    "dataset.batch_size": 5,
    "dataset.num_workers_per_gpu": 3,
    f"{VARIED}input_size": 96,
    f"{VARIED}mean": [0.1, 0.1, 0.1],
    f"{VARIED}std": [0.1, 0.1, 0.1],
    f"{VARIED}min_scale": 0.1,
    f"{VARIED}max_scale": 0.7,
    f"{VARIED}min_ratio": 0.5,
    f"{VARIED}max_ratio": 2.0,
    f"{VARIED}hflip": 0.9,
    f"{VARIED}re_prob": 0.9,
    f"{VARIED}interpolation": "bicubic",
    f"{VARIED}smoothing": 0.3,
    f"{VARIED}color_jitter": 0.4,
    f"{VARIED}auto_aug": "",
    f"{VARIED}mixup": 0.1,
    f"{VARIED}cutmix": 0.1,
    f"{VARIED}cutmix_minmax": 0.3,
    f"{VARIED}mixup_prob": 0.1,
    f"{VARIED}mixup_switch_prob": 0.9,
    f"{VARIED}mixup_mode": "elem",
    "train.seed": 5,
    "train.num_epochs": 7,
    "train.checkpoint_interval": 4,
    "train.validation_interval": 4,
    "train.stage": "finetune",
    "train.accum_grad_batches": 3,
    "train.precision": "bf16",
    "train.norm_pix_loss": False,
    "train.freeze": ["patch_embed"],
    "train.mask_ratio": 0.5,
    "train.optim.lr": 0.5,
    "train.optim.backbone_multiplier": 0.5,
    "train.optim.momentum": 0.5,
    "train.optim.weight_decay": 0.5,
    "train.optim.layer_decay": 0.5,
    "train.optim.lr_scheduler": "cosine",
    "train.optim.milestones": [3],
    "train.optim.gamma": 0.5,
    "train.optim.warmup_epochs": 4,
}
SHOWN_ELSEWHERE = {
    "train.pretrained_model_path": "test_pretraining_verbs",
    "train.optim.type": "there is one choice",
    "train.cudnn.benchmark": "test_classification_keys",
    "train.cudnn.deterministic": "test_classification_keys",
    "train.num_gpus": "the scheduler's tests: it decides how many GPUs a job waits for",
    "train.num_nodes": "the tests of the Ray executor",
}


def spec_of(**changes: Any) -> MaeSpec:
    return validate_spec(MaeSpec, nested(BASE | changes))


def effects(spec: MaeSpec) -> list[Any]:
    """Everything that a training of either stage builds from its spec, as far as it can be compared."""
    dialect, side = MaeDialect(spec), spec.dataset.augmentation.input_size
    image = torch.arange(3 * side * side).remainder(251).view(3, side, side).to(torch.uint8)
    seed()
    model = build(spec.replaced("train.stage", "pretrain"))
    freeze(model, spec.train.freeze if "vit" in spec.model.arch else [])
    training = PretrainingTraining(model.eval(), dialect.form(), by_patch=spec.train.norm_pix_loss)
    batch = ImageBatch(dialect.form().normalise(torch.stack([image] * 2)), torch.zeros(2), torch.arange(2))
    loss = float(training(batch)["loss"].detach())
    tuned = build(spec.replaced("train.stage", "finetune"), 4)
    assert isinstance(tuned, Classifier)
    groups = build_optimizer(tuned, dialect.optimizer(), fused=False).param_groups
    seed()
    once, vary = pretraining_variation(spec.dataset.augmentation), dialect.variation()
    erase, mix = dialect.erasing(), dialect.mixing(4)
    small = torch.arange(4 * 3 * 8 * 8).view(4, 3, 8, 8).float()
    return [
        str(model),
        str(tuned),
        tuned.net.global_pool if hasattr(tuned.net, "global_pool") else None,
        [weight.requires_grad for weight in model.parameters()],
        loss,
        task_for(spec).__name__,
        dialect.form(),
        dialect.smoothing,
        [once(image).tolist() for _ in range(6)],
        [vary(image).tolist() for _ in range(6)] if vary else None,
        [erase(image.float()).tolist() for _ in range(6)] if erase else None,
        [[one.tolist() for one in mix(small, torch.arange(4))] for _ in range(6)] if mix else None,
        list(map(str, dialect.problems(3))),
        sorted({(group["lr"], group["weight_decay"], group["betas"]) for group in groups}),
        settings.pretraining_optimizer(spec),
        dialect.loop(),
        dialect.schedule(),
    ]


def seed() -> None:
    random.seed(0)
    np.random.seed(0)
    torch.manual_seed(0)


def test_every_acting_key_is_tried_here_or_elsewhere():
    acting = {
        path
        for path, field in MaeSpec.leaves()
        if path.startswith(SECTIONS) and not key_facts(field).get("x-inert")
    }
    assert acting == set(CHANGES) | set(SHOWN_ELSEWHERE) | shared_keys(MaeSpec, SECTIONS)


@pytest.fixture(scope="module")
def untouched() -> list[Any]:
    return effects(spec_of())


def test_the_same_spec_builds_the_same(untouched):
    assert effects(spec_of()) == untouched


@pytest.mark.parametrize("path", CHANGES)
def test_a_changed_key_changes_what_is_built(path, untouched):
    assert effects(spec_of(**{path: CHANGES[path]})) != untouched


def test_a_layer_learns_more_slowly_the_further_it_is_from_the_classifier():
    for arch in ("timm/test_vit3", "timm/test_convnext2"):
        spec = spec_of(
            **{"model.arch": arch, "train.optim.layer_decay": 0.5, "train.optim.backbone_multiplier": 0.1}
        )
        model = build(spec.replaced("train.stage", "finetune"), 4)
        assert isinstance(model, Classifier)
        optimizer = build_optimizer(model, settings.finetuning_optimizer(spec), fused=False)
        rates = {id(weight): group["lr"] for group in optimizer.param_groups for weight in group["params"]}
        layers = settings.encoder_layers(model.net)
        starts = [tuple(f"net.{part}." for part in parts) for parts in layers]
        weights = dict(model.named_parameters())
        found = [
            {rates[id(weight)] for name, weight in weights.items() if name.startswith(start)}
            for start in starts
        ]
        lr = spec.train.optim.lr
        assert [len(one) for one in found] == [1] * len(layers)
        expected = [lr * 0.1 * 0.5**place for place in reversed(range(len(layers)))]
        assert [one.pop() for one in found] == pytest.approx(expected)
        head = weights[f"net.{model.head_names[0]}weight"]
        assert rates[id(head)] == lr
        first = next(iter(model.net.parameters()))
        assert rates[id(first)] == pytest.approx(lr * 0.1 * 0.5 ** len(layers))


@pytest.mark.parametrize(
    ("path", "value"),
    [
        ("train.mask_ratio", 1.0),
        ("model.decoder_embed_dim", 30),
        ("model.decoder_depth", 0),
        ("model.drop_path_rate", 1.0),
        ("model.arch", "resnet18"),
        (f"{VARIED}input_size", 70),
        (f"{VARIED}auto_aug", "perhaps-m9"),
        (f"{VARIED}min_scale", 0.0),
        (f"{VARIED}max_ratio", 0.1),
        (f"{VARIED}mixup_prob", 1.5),
        (f"{VARIED}cutmix_minmax", 1.0),
        ("train.optim.layer_decay", 0.0),
        ("train.optim.momentum", 1.0),
        ("train.freeze", ["nothing"]),
    ],
)
def test_a_value_that_cannot_be_used_is_named(path, value):
    spec = spec_of(**{path: value})
    with pytest.raises(SpecError, match=path.rpartition(".")[2].replace("max_ratio", "m.._ratio")):
        read(spec)


def read(spec: MaeSpec) -> None:
    MaeDialect(spec).check(3)
    MaeDialect(spec).variation()
    freeze(build(spec), spec.train.freeze)
