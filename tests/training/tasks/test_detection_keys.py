"""Each key of model, dataset and train acts, or says why it does not."""

from typing import Any

import pytest
import torch
from tests.training.boxes import SMALL_BOXES
from tests.training.jobs import Bench, nested

from tunesmith.networks import get_network
from tunesmith.networks.detection import DetectorSettings
from tunesmith.networks.rtdetr.model import build, settings
from tunesmith.networks.rtdetr.spec import RtdetrSpec
from tunesmith.specs import SpecError, validate_spec
from tunesmith.specs.block import key_facts
from tunesmith.training.engine.optimizers import build_optimizer
from tunesmith.training.engine.training import Training
from tunesmith.training.tasks.detection import settings as engine
from tunesmith.training.tasks.detection.task import Detection
from tunesmith.training.tasks.learning import optimizer, schedule

SECTIONS = ("model.", "dataset.", "train.")
BASE = SMALL_BOXES | {"train.enable_ema": True}
VARIED = "dataset.augmentation."
CHANGES: dict[str, Any] = {
    "model.pretrained_backbone_path": "a.pth",
    "model.backbone": "test_convnext",
    "model.train_backbone": False,
    "model.num_queries": 20,
    "model.num_select": 20,
    "model.num_feature_levels": 4,
    "model.return_interm_indices": [0, 1, 2],
    "model.feat_strides": [8, 16, 31],
    "model.feat_channels": [32, 32, 32],
    "model.use_encoder_idx": [1, 2],
    "model.hidden_dim": 32,
    "model.nheads": 2,
    "model.dropout_ratio": 0.1,
    "model.enc_layers": 2,
    "model.dim_feedforward": 64,
    "model.pe_temperature": 20,
    "model.expansion": 1,
    "model.depth_mult": 2,
    "model.enc_act": "relu",
    "model.act": "relu",
    "model.dec_layers": 3,
    "model.dn_number": 0,
    "model.eval_idx": 0,
    "model.vfl_loss_coef": 3.0,
    "model.bbox_loss_coef": 3.0,
    "model.giou_loss_coef": 3.0,
    "model.class_cost": 3.0,
    "model.bbox_cost": 3.0,
    "model.giou_cost": 3.0,
    "model.alpha": 0.5,
    "model.gamma": 1.0,
    "model.aux_loss": False,
    "model.loss_types": ["focal", "boxes"],
    "model.backbone_names": ["encoder"],
    "model.frozen_fm.checkpoint": "fm.pth",
    "dataset.batch_size": 3,
    "dataset.workers": 3,
    "dataset.pin_memory": False,
    "dataset.num_classes": 4,
    "dataset.eval_class_ids": [2],
    f"{VARIED}multi_scales": [64],
    f"{VARIED}train_spatial_size": [64, 64],
    f"{VARIED}eval_spatial_size": [64, 64],
    f"{VARIED}distortion_prob": 0.5,
    f"{VARIED}iou_crop_prob": 0.5,
    f"{VARIED}preserve_aspect_ratio": True,
    "train.seed": 5,
    "train.num_epochs": 7,
    "train.checkpoint_interval": 3,
    "train.validation_interval": 3,
    "train.freeze": ["encoder"],
    "train.pretrained_model_path": "b.pth",
    "train.clip_grad_norm": 1.0,
    "train.is_dry_run": True,
    "train.enable_ema": False,
    "train.ema.decay": 0.5,
    "train.ema.every_n_steps": 2,
    "train.ema.validate_original_weights": True,
    "train.ema.cpu_offload": True,
    "train.optim.optimizer": "SGD",
    "train.optim.lr": 0.5,
    "train.optim.lr_backbone": 0.5,
    "train.optim.momentum": 0.5,
    "train.optim.weight_decay": 0.5,
    "train.optim.lr_scheduler": "StepLR",
    "train.optim.lr_steps": [3],
    "train.optim.lr_step_size": 3,
    "train.optim.lr_decay": 0.5,
    "train.optim.warmup_steps": 3,
    "train.precision": "bf16",
    "train.activation_checkpoint": True,
    "train.verbose": True,
}

# The verb reads them from every network's spec, and its own tests show that they act.
BY_THE_ENGINE = {"train.num_gpus", "train.num_nodes", "train.cudnn.benchmark", "train.cudnn.deterministic"}
# A foundation model is large: tests of the model build one with a small stand-in.
ELSEWHERE = {"model.frozen_fm.enabled", "model.frozen_fm.backbone"}


def spec_of(changes) -> RtdetrSpec:
    return validate_spec(RtdetrSpec, nested(BASE | changes))


def observed(changes) -> list[Any]:
    """What the task, the engine and the model make of a spec."""
    spec = spec_of(changes)
    known: DetectorSettings = settings(spec)
    learning = known.learning
    found: list[Any] = [
        known,
        engine.loop(known, spec),
        optimizer(learning),
        schedule(learning),
    ]
    try:
        model = build(spec, 3).train()
    except SpecError as error:
        return [*found, str(error)]
    losses = model._criterion[0]
    matcher = losses.matcher
    found += [
        [(name, tuple(weight.shape), weight.requires_grad) for name, weight in model.named_parameters()],
        [type(part).__name__ for part in model.modules()],
        [part.p for part in model.modules() if isinstance(part, torch.nn.Dropout)],
        model.net.config.to_dict(),
        (losses.losses, losses.weight_dict, losses.alpha, losses.gamma, model._layer),
        (matcher.class_cost, matcher.bbox_cost, matcher.giou_cost),
    ]
    return found


@pytest.fixture(scope="module")
def usual() -> list[Any]:
    return observed({})


@pytest.mark.parametrize("path", CHANGES)
def test_a_key_acts(path, usual):
    assert observed({path: CHANGES[path]}) != usual


def test_every_key_is_looked_at():
    acting = {
        path
        for path, field in RtdetrSpec.leaves()
        if path.startswith(SECTIONS) and not key_facts(field).get("x-inert")
    }
    assert acting == set(CHANGES) | BY_THE_ENGINE | ELSEWHERE


@pytest.mark.parametrize(
    ("changes", "rule"),
    [
        ({f"{VARIED}train_spatial_size": [100, 96]}, "must hold height and width, multiples of 32"),
        ({f"{VARIED}eval_spatial_size": [96]}, "must hold height and width, multiples of 32"),
        ({f"{VARIED}multi_scales": [50]}, "must hold multiples of 32 pixels"),
        ({"train.freeze": ["no such part"]}, "must hold parts of parameters' names; they begin with net"),
    ],
)
def test_what_cannot_be_used_is_refused(bench, changes, rule):
    with pytest.raises(SpecError, match=rule):
        training_of(bench, changes)


def training_of(bench: Bench, changes) -> Training[Any]:
    run = bench.prepare("train", {}, network="rtdetr")
    task = Detection(run, get_network("rtdetr"), spec_of(changes), ("zero", "one"))
    return task.training(task.build_model())


def test_frozen_parts_do_not_learn(bench):
    training = training_of(bench, {"train.freeze": ["backbone", "decoder.layers.0"]})
    for name, weight in training.named_parameters():
        assert weight.requires_grad != ("backbone" in name or "decoder.layers.0" in name), name


@pytest.mark.parametrize(
    ("parts", "slow"),
    [
        (["backbone.0"], "backbone."),
        (["transformer.decoder"], "decoder."),
        (["sampling_offsets"], "_offsets"),
    ],
)
def test_parts_of_the_published_names_have_their_own_rate(bench, parts, slow):
    keys = {"model.backbone_names": parts, "train.optim.lr_backbone": 0.5}
    known = settings(spec_of(keys))
    training = training_of(bench, keys)
    built = build_optimizer(training, optimizer(known.learning), fused=False)
    names = {id(weight): name for name, weight in training.named_parameters()}
    groups = {group["lr"]: [names[id(one)] for one in group["params"]] for group in built.param_groups}
    assert set(groups) == {0.5, 1e-3}
    assert all(slow in name for name in groups[0.5])
    assert not any(slow in name for name in groups[1e-3])
