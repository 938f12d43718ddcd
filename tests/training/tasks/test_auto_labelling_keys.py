"""Each key of mal's model, dataset and train acts, or says why it does not."""

from typing import Any

import pytest
import torch
from tests.training.jobs import nested
from tests.training.objects import SMALL_MAL
from tests.training.tasks.shared_keys import shared_keys
from torch.nn.functional import interpolate

from tunesmith.networks.mal.model import build
from tunesmith.networks.mal.spec import MalSpec
from tunesmith.specs import SpecError, validate_spec
from tunesmith.specs.block import key_facts
from tunesmith.training.tasks.auto_labelling import settings
from tunesmith.training.tasks.auto_labelling.crops import CropBatch
from tunesmith.training.tasks.auto_labelling.training import AutoLabellingTraining

SECTIONS = ("model.", "dataset.", "train.")
BASE = SMALL_MAL | {
    "train.loss_mil_step": 10,
    "train.loss_crf_step": 10,
    "train.crf_num_iter": 1,
    "train.crf_value_high_thres": 0.8,
}
CHANGES: dict[str, Any] = {
    "model.arch": "timm/test_vit3",
    "model.frozen_stages": [0],
    "model.mask_head_num_convs": 3,
    "model.mask_head_hidden_channel": 16,
    "model.mask_head_out_channel": 16,
    "model.teacher_momentum": 0.5,
    "model.not_adjust_scale": True,
    "model.mask_scale_ratio_pre": 2,
    "model.mask_scale_ratio": 1.5,
    "model.vit_dpr": 0.4,
    "dataset.num_workers_per_gpu": 3,
    "dataset.crop_size": 272,
    "train.seed": 5,
    "train.num_epochs": 7,
    "train.checkpoint_interval": 4,
    "train.validation_interval": 4,
    "train.batch_size": 5,
    "train.accum_grad_batches": 3,
    "train.use_amp": True,
    "train.lr": 0.5,
    "train.min_lr": 1e-4,
    "train.min_lr_rate": 0.5,
    "train.num_wave": 3.0,
    "train.wd": 0.5,
    "train.optim_eps": 1e-3,
    "train.optim_momentum": 0.5,
    "train.optim_betas": [0.5, 0.5],
    "train.warmup_epochs": 4,
    "train.loss_mil_weight": 9.0,
    "train.loss_crf_weight": 9.0,
    "train.crf_zeta": 0.02,
    "train.crf_kernel_size": 5,
    "train.crf_num_iter": 0,
    "train.loss_crf_step": 20,
    "train.loss_mil_step": 20,
    "train.crf_size_ratio": 2,
    "train.crf_value_high_thres": 0.5,
    "train.crf_value_low_thres": 0.79,
}
SHOWN_ELSEWHERE = {
    "dataset.min_obj_size": "test_auto_labelling_data",
    "dataset.train_ann_path": "test_auto_labelling_data",
    "dataset.val_ann_path": "test_auto_labelling_data",
    "dataset.max_obj_size": "test_auto_labelling_data",
    "dataset.load_mask": "test_auto_labelling_verbs",
    "train.margin_rate": "test_auto_labelling_data",
    "train.test_margin_rate": "test_auto_labelling_data",
    "train.mask_thres": "test_auto_labelling_data",
    "train.pretrained_model_path": "test_auto_labelling_verbs",
    "train.optim_type": "there is one choice",
    "train.cudnn.benchmark": "test_classification_keys",
    "train.cudnn.deterministic": "test_classification_keys",
    "train.num_gpus": "the scheduler's tests: it decides how many GPUs a job waits for",
    "train.num_nodes": "the tests of the Ray executor",
}


def spec_of(**changes: Any) -> MalSpec:
    return validate_spec(MalSpec, nested(BASE | changes))


def effects(spec: MalSpec) -> list[Any]:
    """Everything that a training builds from its spec, as far as it can be compared."""
    settings.check(spec)
    torch.manual_seed(0)
    model, form = build(spec), settings.image_format(spec)
    training = AutoLabellingTraining(model, form, spec.train)
    side = spec.dataset.crop_size
    image = interpolate(torch.rand(1, 3, 16, 16), (side, side)).mul(25).add(100).to(torch.uint8)
    boxes = torch.tensor([[side / 4, side / 4, side / 2, side / 2]])
    batch = CropBatch(form.normalise(image), boxes, boxes.long(), torch.zeros(1, side, side), torch.zeros(1))
    model.student.head.pixels[-1].get_parameter("weight").data *= 60  # masks of all probabilities
    model.teacher.load_state_dict(model.student.state_dict())
    for parameter in model.student.parameters():
        parameter.data += 0.02  # so that there is something for the teacher to follow
    training.steps += 4
    losses = [float(value.detach()) for value in training(batch).values()]
    return [
        str(model),
        [parameter.requires_grad for parameter in model.parameters()],
        losses,
        sum(float(parameter.sum()) for parameter in model.teacher.parameters()),
        form,
        settings.loop(spec),
        settings.optimizer(spec),
        settings.schedule(spec),
    ]


def test_every_acting_key_is_tried_here_or_elsewhere():
    acting = {
        path
        for path, field in MalSpec.leaves()
        if path.startswith(SECTIONS) and not key_facts(field).get("x-inert")
    }
    assert acting == set(CHANGES) | set(SHOWN_ELSEWHERE) | shared_keys(MalSpec, SECTIONS)


@pytest.fixture(scope="module")
def untouched() -> list[Any]:
    return effects(spec_of())


def test_the_same_spec_builds_the_same(untouched):
    assert effects(spec_of()) == untouched


@pytest.mark.parametrize("path", CHANGES)
def test_a_changed_key_changes_what_is_built(path, untouched):
    assert effects(spec_of(**{path: CHANGES[path]})) != untouched


@pytest.mark.parametrize(
    ("path", "value"),
    [
        ("train.margin_rate", [1.0, 0.5]),
        ("train.test_margin_rate", [0.5]),
        ("train.mask_thres", [0.5, 0.5]),
        ("train.optim_betas", [0.9]),
        ("train.crf_kernel_size", 4),
        ("train.crf_zeta", 0.0),
        ("train.crf_size_ratio", 0),
        ("train.crf_value_low_thres", 0.95),
        ("dataset.min_obj_size", 1e12),
        ("inference.label_dump_path", "masks.txt"),
        ("model.arch", "resnet18"),
        ("model.frozen_stages", [99]),
        ("model.vit_dpr", 1.0),
        ("model.mask_scale_ratio", 0.0),
        ("dataset.crop_size", 260),
    ],
)
def test_a_value_that_cannot_be_used_is_named(path, value):
    with pytest.raises(SpecError, match=path.replace(".", r"\.")):
        effects(spec_of(**{path: value}))
