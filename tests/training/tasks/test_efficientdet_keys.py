"""Each key of efficientdet_tf2's model, dataset and train acts, or says why it does not."""

from typing import Any

import pytest
import torch
from tests.training.anchored import SMALL_ANCHORED
from tests.training.jobs import nested
from tests.training.tasks.shared_keys import shared_keys

from tunesmith.networks.efficientdet_tf2.model import build, criterion, settings
from tunesmith.networks.efficientdet_tf2.spec import EfficientDetSpec
from tunesmith.networks.layers.detector import Predictions
from tunesmith.specs import SpecError, validate_spec
from tunesmith.specs.block import key_facts
from tunesmith.training.optimize.pruning import PruneSettings
from tunesmith.training.optimize.settings import EngineSettings
from tunesmith.training.tasks.detection import settings as engine
from tunesmith.training.tasks.learning import optimizer, schedule

LOADER, VARIED, RATE = "dataset.loader.", "dataset.augmentation.", "train.lr_schedule."
BASE = SMALL_ANCHORED | {f"{RATE}warmup_epoch": 1}
CHANGES: dict[str, Any] = {
    "model.aspect_ratios": "[1.0, (1.4, 0.7)]",
    "model.anchor_scale": 4,
    "model.num_scales": 2,
    "model.freeze_bn": True,
    "model.freeze_blocks": [0],
    "model.input_width": 128,
    "model.input_height": 128,
    "model.backbone": "test_convnext",
    "model.fpn_num_filters": 24,
    "model.fpn_cell_repeats": 2,
    "model.box_class_repeats": 2,
    "dataset.train_tfrecords": ["a/*"],
    "dataset.train_dirs": ["a"],
    "dataset.val_tfrecords": ["a/*"],
    "dataset.val_dirs": ["a"],
    "dataset.num_classes": 4,
    "dataset.max_instances_per_image": 2,
    "dataset.skip_crowd_during_training": False,
    "dataset.use_fake_data": True,
    f"{LOADER}shuffle_buffer": 1,
    f"{LOADER}prefetch_size": 4,
    f"{LOADER}workers": 3,
    f"{VARIED}rand_hflip": True,
    f"{VARIED}random_crop_min_scale": 0.5,
    f"{VARIED}random_crop_max_scale": 1.5,
    f"{VARIED}auto_color_distortion": True,
    f"{VARIED}auto_translate_xy": True,
    "train.optimizer.name": "sgd",
    "train.optimizer.momentum": 0.5,
    f"{RATE}name": "soft_anneal",
    f"{RATE}warmup_epoch": 2,
    f"{RATE}warmup_init": 0.001,
    f"{RATE}learning_rate": 0.5,
    "train.num_examples_per_epoch": 16,
    "train.batch_size": 3,
    "train.num_epochs": 7,
    "train.checkpoint": "a.pth",
    "train.random_seed": 5,
    "train.l1_weight_decay": 0.1,
    "train.l2_weight_decay": 0.1,
    "train.amp": True,
    "train.moving_average_decay": 0.5,
    "train.clip_gradients_norm": 1.0,
    "train.skip_checkpoint_variables": "bn",
    "train.checkpoint_interval": 3,
    "train.validation_interval": 3,
    "train.image_preview": True,
    "train.label_smoothing": 0.1,
    "train.box_loss_weight": 3.0,
    "train.iou_loss_type": "giou",
    "evaluate.batch_size": 3,
    "evaluate.num_samples": 3,
    "evaluate.max_detections_per_image": 3,
    "evaluate.max_nms_inputs": 3,
    "evaluate.start_eval_epoch": 3,
    "evaluate.sigma": 0.0,
    "prune.threshold": 0.5,
    "prune.normalizer": "L2",
    "prune.equalization_criterion": "intersection",
    "prune.granularity": 16,
    "prune.min_num_filters": 16,
    "prune.excluded_layers": ["fpn.*"],
    "export.min_score_thresh": 0.5,
    "export.dynamic_batch_size": False,
    "gen_trt_engine.runtime": "onnxruntime",
    "gen_trt_engine.tensorrt.data_type": "fp16",
    "gen_trt_engine.tensorrt.max_workspace_size": 3,
    "gen_trt_engine.tensorrt.max_batch_size": 4,
    "gen_trt_engine.tensorrt.calibration.cal_batch_size": 3,
    "gen_trt_engine.tensorrt.calibration.cal_batches": 3,
    "inference.dump_label": True,
    "inference.batch_size": 3,
    "inference.min_score_thresh": 0.6,
    "inference.max_boxes_to_draw": 3,
}
# A key that acts beside another alone.
TOGETHER: dict[str, tuple[dict[str, Any], Any]] = {
    "model.name": ({"model.backbone": "", "model.fpn_num_filters": 0}, "efficientdet-d1"),
    f"{RATE}annealing_epoch": ({f"{RATE}name": "soft_anneal"}, 3),
    "train.iou_loss_weight": ({"train.iou_loss_type": "ciou"}, 3.0),
    "export.batch_size": ({"export.dynamic_batch_size": False}, 3),
    "gen_trt_engine.tensorrt.min_batch_size": (
        {"gen_trt_engine.tensorrt.max_batch_size": 9, "gen_trt_engine.tensorrt.opt_batch_size": 5},
        2,
    ),
    "gen_trt_engine.tensorrt.opt_batch_size": ({"gen_trt_engine.tensorrt.max_batch_size": 9}, 2),
}
# The verb reads them from every network's spec.
BY_THE_ENGINE = {"num_gpus", "model_name"}
WANDB = ("enable", "project", "entity", "tags", "name", "save_code", "sync_tensorboard")
TRACKERS = {f"train.wandb.{key}" for key in WANDB}
# The tests of the action show them.
CONVERSION = {f"dataset_convert.{key}" for key in ("tag", "num_shards", "include_masks")}
# The published list has a single choice.
FIXED = {"model.min_level", "model.max_level"}


def spec_of(changes) -> EfficientDetSpec:
    return validate_spec(EfficientDetSpec, nested(BASE | changes))


def observed(changes) -> list[Any]:
    """What the task, the engine and the model make of a spec."""
    spec = spec_of(changes)
    known = settings(spec)
    found: list[Any] = [
        known,
        engine.loop(known, spec),
        optimizer(known.learning),
        schedule(known.learning),
        PruneSettings.of(spec.prune),
        EngineSettings.of(spec),
    ]
    torch.manual_seed(0)
    try:
        model = build(spec, 3).train()
    except SpecError as error:
        return [*found, str(error)]
    logits, boxes = torch.full((1, len(model.anchors), 3), -2.0), torch.full((1, len(model.anchors), 4), 0.4)
    target = {"boxes": torch.tensor([[0.5, 0.4, 0.3, 0.4]]), "class_labels": torch.tensor([1])}
    losses = criterion(spec, 3)(Predictions(logits, boxes), [target])
    return [
        *found,
        [(name, tuple(weight.shape), weight.requires_grad) for name, weight in model.named_parameters()],
        [type(part).__name__ for part in model.modules()],
        model.anchors.tolist(),
        {name: float(value) for name, value in losses.items()},
    ]


@pytest.fixture(scope="module")
def usual() -> list[Any]:
    return observed({})


@pytest.mark.parametrize("path", CHANGES)
def test_a_key_acts(path, usual):
    assert observed({path: CHANGES[path]}) != usual


@pytest.mark.parametrize("path", TOGETHER)
def test_a_key_acts_beside_another(path):
    beside, value = TOGETHER[path]
    assert observed(beside | {path: value}) != observed(beside)


def test_every_key_is_looked_at():
    acting = {path for path, field in EfficientDetSpec.leaves() if not key_facts(field).get("x-inert")}
    looked_at = set(CHANGES) | set(TOGETHER) | BY_THE_ENGINE | TRACKERS | CONVERSION | FIXED
    assert acting == looked_at | shared_keys(EfficientDetSpec)


@pytest.mark.parametrize(
    ("changes", "rule"),
    [
        ({"model.aspect_ratios": "[(1.0, -1.0)]"}, "must hold pairs of width and height above 0"),
        ({"model.aspect_ratios": "__import__('os')"}, "must hold pairs of width and height above 0"),
        ({"model.input_width": 10}, "must be at least 64 pixels"),
        ({"train.iou_loss_type": "huber"}, "must be empty or one of iou, giou, diou, ciou"),
        ({"train.moving_average_decay": 1.0}, "must be from 0 to below 1"),
        ({f"{RATE}annealing_epoch": -1}, "must be at least 0"),
        ({f"{VARIED}random_crop_min_scale": 0.0}, "must be above 0"),
        ({"model.freeze_blocks": [9]}, "must be empty for this backbone"),
        ({"model.backbone": "", "model.freeze_blocks": [9]}, "must hold numbers from 0 to 6"),
        ({"model.backbone": "no_such_model"}, "has no such model"),
    ],
)
def test_what_cannot_be_used_is_refused(changes, rule):
    with pytest.raises(SpecError, match=rule):
        adopt(spec_of(changes))


def adopt(spec: EfficientDetSpec) -> None:
    settings(spec)
    build(spec, 3)
