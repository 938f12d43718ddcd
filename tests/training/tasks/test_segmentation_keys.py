"""Each key of model, dataset and train acts, or says why it does not."""

from typing import Any

import pytest
import torch
from tests.training.jobs import nested
from tests.training.segments import SMALL_SEGMENTS
from tests.training.tasks.shared_keys import shared_keys

from tunesmith.networks.segformer.model import build
from tunesmith.networks.segformer.model import settings as settings_of
from tunesmith.networks.segformer.spec import SegformerSpec
from tunesmith.specs import SpecError, validate_spec
from tunesmith.specs.block import key_facts
from tunesmith.training.tasks.learning import optimizer, schedule
from tunesmith.training.tasks.segmentation import settings
from tunesmith.training.tasks.segmentation.augment import build_variation
from tunesmith.training.tasks.segmentation.data import split_of
from tunesmith.training.tasks.segmentation.images import SegmentBatch
from tunesmith.training.tasks.segmentation.labels import labels_for
from tunesmith.training.tasks.segmentation.training import SegmentationTraining

SECTIONS = ("model.", "dataset.", "train.")
DATA = "dataset.segment."
VARIED = f"{DATA}augmentation."
BASE = SMALL_SEGMENTS | {
    "model.backbone.type": "test_vit",
    f"{DATA}img_size": 64,
    f"{VARIED}random_flip.enable": True,
    f"{VARIED}random_rotate.enable": True,
    f"{VARIED}random_color.enable": True,
    f"{VARIED}with_scale_random_crop.enable": True,
    "train.tensorboard.enabled": True,
}
CHANGES: dict[str, Any] = {
    "model.backbone.type": "test_resnet",
    "model.backbone.feat_downsample": True,
    "model.backbone.freeze_backbone": True,
    "model.decode_head.in_index": [0, 2],
    "model.decode_head.feature_strides": [4, 4, 8, 8],
    "model.decode_head.align_corners": True,
    "model.decode_head.decoder_params": {"embed_dim": 16},
    f"{DATA}num_classes": 3,
    f"{DATA}img_size": 32,
    f"{DATA}batch_size": 5,
    f"{DATA}workers": 3,
    f"{DATA}shuffle": False,
    f"{DATA}train_split": "val",
    f"{DATA}validation_split": "test",
    f"{DATA}test_split": "train",
    f"{DATA}predict_split": "val",
    f"{VARIED}random_flip.vflip_probability": 0.9,
    f"{VARIED}random_flip.hflip_probability": 0.9,
    f"{VARIED}random_flip.enable": False,
    f"{VARIED}random_rotate.rotate_probability": 0.9,
    f"{VARIED}random_rotate.angle_list": [45.0],
    f"{VARIED}random_rotate.enable": False,
    f"{VARIED}random_color.brightness": 0.9,
    f"{VARIED}random_color.contrast": 0.9,
    f"{VARIED}random_color.saturation": 0.9,
    f"{VARIED}random_color.hue": 0.1,
    f"{VARIED}random_color.enable": False,
    f"{VARIED}random_color.color_probability": 0.9,
    f"{VARIED}with_scale_random_crop.scale_range": [1.5, 2.0],
    f"{VARIED}with_scale_random_crop.enable": False,
    f"{VARIED}with_random_blur": True,
    f"{VARIED}with_random_crop": True,
    f"{VARIED}mean": [0.1, 0.1, 0.1],
    f"{VARIED}std": [0.1, 0.1, 0.1],
    f"{DATA}label_transform": "None",
    f"{DATA}palette": [{"label_id": value, "mapping_class": f"c{value}"} for value in (0, 1)],
    "train.seed": 5,
    "train.num_epochs": 7,
    "train.checkpoint_interval": 4,
    "train.validation_interval": 4,
    "train.precision": "bf16",
    "train.optim.optim": "sgd",
    "train.optim.lr": 0.5,
    "train.optim.policy": "step",
    "train.optim.momentum": 0.5,
    "train.optim.weight_decay": 0.5,
    "train.segment.weights": [0.1, 0.1, 0.1, 0.1, 1.0],
    "train.tensorboard.enabled": False,
    "train.tensorboard.infrequent_logging_frequency": 9,
}
SHOWN_ELSEWHERE = {
    "model.backbone.pretrained_backbone_path": "test_segformer_model",
    "train.pretrained_model_path": "test_segmentation_verbs",
    "train.segment.loss": "there is one choice",
    "train.cudnn.benchmark": "test_classification_keys",
    "train.cudnn.deterministic": "test_classification_keys",
    "train.num_gpus": "the scheduler's tests: it decides how many GPUs a job waits for",
    "train.num_nodes": "the tests of the Ray executor",
}


def spec_of(**changes: Any) -> SegformerSpec:
    return validate_spec(SegformerSpec, nested(BASE | changes))


def weights_of(spec: SegformerSpec, model: Any) -> tuple[float, ...]:
    return settings.loss_weights(settings_of(spec), model.levels)


def effects(spec: SegformerSpec) -> list[Any]:
    """Everything that a training builds from its spec, as far as it can be compared."""
    known = settings_of(spec)
    labels, form = labels_for(known.labelling, known.section, {0, 255}), settings.image_format(known)
    torch.manual_seed(0)
    model = build(spec, len(labels.classes)).eval()
    training = SegmentationTraining(model, form, len(labels.classes), weights_of(spec, model)).eval()
    vary = build_variation(known.variation, 64, f"{known.section}.augmentation")
    image = torch.arange(3 * 64 * 64).remainder(251).view(3, 64, 64).to(torch.uint8)
    mask = (torch.arange(64 * 64).view(64, 64) % 2).to(torch.uint8)
    batch = SegmentBatch(form.normalise(image[None]), mask[None].long(), torch.zeros(1))
    return [
        str(model),
        model.frozen,
        float(training(batch)["loss"]),
        labels,
        labels.table({0, 255}).tolist(),
        form,
        [split_of(known, use) for use in ("train", "validation", "test", "predict")],
        [[one.tolist() for one in vary(image, mask)] for _ in range(20)] if vary else None,
        settings.loop(known, spec),
        optimizer(known.learning),
        schedule(known.learning),
    ]


def test_every_acting_key_is_tried_here_or_elsewhere():
    acting = {
        path
        for path, field in SegformerSpec.leaves()
        if path.startswith(SECTIONS) and not key_facts(field).get("x-inert")
    }
    assert acting == set(CHANGES) | set(SHOWN_ELSEWHERE) | shared_keys(SegformerSpec, SECTIONS)


@pytest.fixture(scope="module")
def untouched() -> list[Any]:
    return effects(spec_of())


def test_the_same_spec_builds_the_same(untouched):
    assert effects(spec_of()) == untouched


@pytest.mark.parametrize("path", CHANGES)
def test_a_changed_key_changes_what_is_built(path, untouched):
    assert effects(spec_of(**{path: CHANGES[path]})) != untouched


@pytest.mark.parametrize("weights", [[1.0], [0.5, -0.5, 0.5, 0.8, 1.0], [0.5, 0.5, 0.5, 0.8, 0.0]])
def test_weights_that_cannot_be_used_are_named(weights):
    with pytest.raises(SpecError, match=r"train\.segment\.weights: must hold 5 numbers"):
        settings.loss_weights(settings_of(spec_of(**{"train.segment.weights": weights})), 4)


def test_a_map_of_weight_nothing_has_no_classifier():
    spec = spec_of(**{"train.segment.weights": [0.0, 0.0, 0.0, 0.0, 1.0]})
    model = build(spec, 2)
    form = settings.image_format(settings_of(spec))
    training = SegmentationTraining(model, form, 2, weights_of(spec, model))
    assert training.extras() == {}
