"""Each key of model, dataset and train acts on grounded detection, or says why it does not."""

from collections.abc import Callable
from functools import cache
from importlib import import_module
from typing import Any

import pytest
import torch
from bench.learn.encoder import write_encoder
from tests.training.jobs import nested
from tests.training.tasks.shared_keys import shared_keys
from tests.training.words import SMALL_WORDS

from tunesmith.networks import get_network
from tunesmith.networks.grounding_dino.text import TextFiles
from tunesmith.specs import SpecError, validate_spec
from tunesmith.specs.block import key_facts
from tunesmith.training.tasks.detection import settings as engine
from tunesmith.training.tasks.learning import optimizer, schedule

SECTIONS = ("model.", "dataset.", "train.")
BASE = SMALL_WORDS | {"model.dn_number": 8, "dataset.augmentation.fixed_padding": False}
LEARNT = {"model.two_stage_type": "no"}
VARIED = "dataset.augmentation."
CHANGES: dict[str, Any] = {
    "model.pretrained_backbone_path": "a.pth",
    "model.backbone": "test_convnext",
    "model.num_queries": 20,
    "model.num_feature_levels": 4,
    "model.set_cost_class": 3.0,
    "model.set_cost_bbox": 3.0,
    "model.set_cost_giou": 3.0,
    "model.cls_loss_coef": 3.0,
    "model.bbox_loss_coef": 3.0,
    "model.giou_loss_coef": 3.0,
    "model.num_select": 20,
    "model.interm_loss_coef": 3.0,
    "model.no_interm_box_loss": True,
    "model.pre_norm": True,
    "model.two_stage_type": "no",
    "model.decoder_sa_type": "ca_content",
    "model.embed_init_tgt": False,
    "model.fix_refpoints_hw": 1,
    "model.pe_temperatureH": 10,
    "model.pe_temperatureW": 10,
    "model.return_interm_indices": [0, 1],
    "model.use_dn": False,
    "model.dn_number": 2,
    "model.dn_box_noise_scale": 0.2,
    "model.dn_label_noise_ratio": 1.0,
    "model.focal_alpha": 0.5,
    "model.focal_gamma": 1.0,
    "model.nheads": 2,
    "model.dropout_ratio": 0.3,
    "model.hidden_dim": 32,
    "model.enc_layers": 2,
    "model.dec_layers": 3,
    "model.dim_feedforward": 64,
    "model.dec_n_points": 2,
    "model.enc_n_points": 2,
    "model.aux_loss": False,
    "model.dilation": True,
    "model.train_backbone": False,
    "model.max_text_len": 16,
    "model.class_embed_bias": False,
    "model.log_scale": "0.5",
    "model.loss_types": ["labels"],
    "model.backbone_names": ["encoder"],
    "model.linear_proj_names": ["bbox_embed"],
    "dataset.batch_size": 3,
    "dataset.workers": 3,
    "dataset.pin_memory": False,
    "dataset.max_labels": 1,
    "dataset.eval_class_ids": [2],
    f"{VARIED}scales": [64],
    f"{VARIED}input_mean": [0.5, 0.5, 0.5],
    f"{VARIED}input_std": [0.5, 0.5, 0.5],
    f"{VARIED}train_random_resize": [64],
    f"{VARIED}horizontal_flip_prob": 0.9,
    f"{VARIED}train_random_crop_min": 32,
    f"{VARIED}train_random_crop_max": 200,
    f"{VARIED}random_resize_max_size": 200,
    f"{VARIED}test_random_resize": 64,
    f"{VARIED}fixed_padding": True,
    f"{VARIED}fixed_random_crop": 64,
    "train.seed": 5,
    "train.num_epochs": 7,
    "train.checkpoint_interval": 3,
    "train.validation_interval": 3,
    "train.freeze": ["encoder"],
    "train.pretrained_model_path": "b.pth",
    "train.clip_grad_norm": 1.0,
    "model.clip_max_norm": 1.0,
    "train.is_dry_run": True,
    "train.optim.optimizer": "SGD",
    "train.optim.lr": 0.5,
    "train.optim.lr_backbone": 0.5,
    "train.optim.lr_linear_proj_mult": 0.5,
    "train.optim.momentum": 0.5,
    "train.optim.weight_decay": 0.5,
    "train.optim.lr_scheduler": "StepLR",
    "train.optim.lr_steps": [3],
    "train.optim.lr_step_size": 3,
    "train.optim.lr_decay": 0.5,
    "train.precision": "bf16",
    "train.activation_checkpoint": True,
    "train.verbose": True,
}
MASKED: dict[str, Any] = {
    "model.loss_types": ["labels", "boxes"],
    "model.has_mask": False,
    "model.mask_loss_coef": 3.0,
    "model.dice_loss_coef": 3.0,
    "dataset.has_mask": False,
}
"""Keys that mask_grounding_dino has beside those, or by another default."""

CASES = [
    *(("grounding_dino", path, value) for path, value in CHANGES.items()),
    *(("mask_grounding_dino", path, value) for path, value in MASKED.items()),
]
# What a key needs beside it in order to act.
BESIDE = {"model.fix_refpoints_hw": LEARNT}

# The verb reads them from every network's spec, and its own tests show that they act.
BY_THE_ENGINE = {"train.num_gpus", "train.num_nodes", "train.cudnn.benchmark", "train.cudnn.deterministic"}
# Jobs show that these act: the encoder's folder, and the phrases of an inference.
ELSEWHERE = {"model.text_encoder_type", "dataset.infer_data_sources"}


@pytest.fixture(scope="module")
def files(tmp_path_factory) -> TextFiles:
    folder = tmp_path_factory.mktemp("encoder") / "bert"
    write_encoder(folder)
    return TextFiles.read(folder)


def built(network: str, changes, files) -> tuple[Any, Any]:
    """A spec's settings, and its model."""
    spec = validate_spec(get_network(network).spec, nested(BASE | changes))
    module = import_module(get_network(network).model)
    torch.manual_seed(0)
    return module.settings(spec), module.build(spec, ("zero", "one", "two"), files).train()


def observed(network: str, changes, files) -> list[Any]:
    """What the task, the engine and the model make of a spec."""
    try:
        known, model = built(network, changes, files)
    except SpecError as error:
        return [str(error)]
    spec = validate_spec(get_network(network).spec, nested(BASE | changes))
    found: list[Any] = [
        known,
        engine.loop(known, spec),
        optimizer(known.learning),
        schedule(known.learning),
    ]
    with torch.no_grad():
        for weight in model.parameters():  # those that begin at nothing would hide what others do
            weight.add_(0.02 * torch.randn_like(weight))
    images = torch.rand(1, 3, 96, 96, generator=torch.Generator().manual_seed(1))
    boxes = torch.tensor([[0.5, 0.5, 0.2, 0.3], [0.2, 0.3, 0.1, 0.1]])
    torch.manual_seed(0)
    masks = torch.zeros(2, 24, 24)
    masks[:, 4:9, 4:12] = 1
    target = {"boxes": boxes, "class_labels": torch.tensor([1, 0]), "masks": masks}
    losses = model.losses(images, [target])
    return [
        *found,
        [(name, tuple(weight.shape), weight.requires_grad) for name, weight in model.named_parameters()],
        [type(part).__name__ for part in model.modules()],
        {name: round(float(value.detach()), 5) for name, value in losses.items()},
        model._criterion[0].weights.costs,
        model.vocabulary.longest,
    ]


@pytest.fixture(scope="module")
def usual(files) -> Callable[[str, str], list[Any]]:
    """What is made of a network's spec without a key's change."""

    @cache
    def seen(network: str, beside: str) -> list[Any]:
        return observed(network, BESIDE.get(beside, {}), files)

    return lambda network, path: seen(network, path if path in BESIDE else "")


@pytest.mark.parametrize(("network", "path", "value"), CASES)
def test_a_key_acts(network, path, value, files, usual):
    assert observed(network, BESIDE.get(path, {}) | {path: value}, files) != usual(network, path)


@pytest.mark.parametrize("network", ["grounding_dino", "mask_grounding_dino"])
def test_every_key_is_looked_at_and_few_are_inert(network):
    looked = {
        path: bool(key_facts(field).get("x-inert"))
        for path, field in get_network(network).spec.leaves()
        if path.startswith(SECTIONS)
    }
    acting = {path for path, inert in looked.items() if not inert}
    own = set(MASKED) if network == "mask_grounding_dino" else set()
    shared = shared_keys(get_network(network).spec, SECTIONS)
    assert acting == set(CHANGES) | own | BY_THE_ENGINE | ELSEWHERE | shared
    assert sum(looked.values()) <= 0.15 * len(looked)


@pytest.mark.parametrize(
    ("changes", "rule"),
    [
        ({"model.nheads": 3}, "must be a multiple of 32 and of model.nheads, which must be even"),
        ({"model.dim_feedforward": 130}, "must be a multiple of model.nheads, 4"),
        ({"model.num_feature_levels": 1}, "must name at most model.num_feature_levels stages, 1"),
        ({"model.max_text_len": 300}, "must be at most what the text encoder takes, 64"),
        ({"model.fix_refpoints_hw": 0}, "must be -2, -1 or a positive number"),
        ({"model.log_scale": "much"}, "must be none, auto or a number"),
        ({"model.loss_types": ["boxes"]}, "must hold labels and boxes"),
        ({f"{VARIED}scales": []}, "must hold sizes in pixels"),
        ({f"{VARIED}input_std": [1, 1, 0]}, "must hold a number above 0 for each colour"),
        ({f"{VARIED}train_random_crop_min": 300}, "must be at least train_random_crop_min"),
    ],
)
def test_what_cannot_be_used_is_refused(changes, rule, files):
    with pytest.raises(SpecError, match=rule):
        built("grounding_dino", changes, files)
