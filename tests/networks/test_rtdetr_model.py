"""The models of rtdetr: true to the published ones, built by every key of the spec."""

import pytest
import torch
from safetensors.torch import save_file
from tests.training.boxes import SMALL_BOXES
from tests.training.jobs import nested
from torch import nn
from transformers import (
    RTDetrConfig,
    RTDetrForObjectDetection,
    RTDetrResNetConfig,
    RTDetrV2Config,
    RTDetrV2ForObjectDetection,
)

from tunesmith.networks.layers.pyramid import Pyramid
from tunesmith.networks.rtdetr.model import RtDetr, build, criterion
from tunesmith.networks.rtdetr.spec import BACKBONES, RtdetrSpec
from tunesmith.specs import SpecError, validate_spec
from tunesmith.training.engine.weights import load_weights

TARGETS = [
    {
        "boxes": torch.tensor([[0.5, 0.5, 0.2, 0.3], [0.2, 0.3, 0.1, 0.1]]),
        "class_labels": torch.tensor([1, 0]),
    },
    {"boxes": torch.zeros(0, 4), "class_labels": torch.zeros(0, dtype=torch.int64)},
]


def spec(**model) -> RtdetrSpec:
    keys = SMALL_BOXES | {f"model.{key}": value for key, value in model.items()}
    return validate_spec(RtdetrSpec, nested(keys))


def small(**model) -> RtDetr:
    torch.manual_seed(0)
    return build(spec(**model), 3)


def total(losses) -> torch.Tensor:
    return torch.stack(list(losses.values())).sum()


def images(side: int = 128) -> torch.Tensor:
    return torch.rand(2, 3, side, side, generator=torch.Generator().manual_seed(1))


@pytest.mark.parametrize(
    ("configuration", "model"),
    [(RTDetrConfig, RTDetrForObjectDetection), (RTDetrV2Config, RTDetrV2ForObjectDetection)],
)
def test_published_weights_of_both_versions_predict_as_in_their_library(tmp_path, configuration, model):
    torch.manual_seed(0)
    widths = [64, 128, 256, 512]
    backbone = RTDetrResNetConfig(  # type: ignore[call-arg]
        layer_type="basic",
        depths=[2, 2, 2, 2],
        hidden_sizes=widths,
        out_features=["stage2", "stage3", "stage4"],
    )
    published = model(
        configuration(
            backbone_config=backbone,
            encoder_in_channels=widths[1:],
            encoder_hidden_dim=64,
            decoder_in_channels=[64, 64, 64],
            d_model=64,
            encoder_ffn_dim=128,
            decoder_ffn_dim=128,
            encoder_attention_heads=4,
            decoder_attention_heads=4,
            decoder_layers=2,
            num_queries=30,
            num_denoising=20,
            hidden_expansion=0.5,
            num_labels=3,
        )
    ).eval()
    for weight in published.parameters():
        nn.init.normal_(weight, std=0.1)
    published.save_pretrained(tmp_path)
    ours = small(backbone="resnet_18")
    said = load_weights(ours, tmp_path / "model.safetensors", "base")
    assert "are not in it" not in said, said
    assert "were not used" not in said, said
    with torch.inference_mode():
        theirs, mine = published(pixel_values=images()), ours.eval()(images())
    torch.testing.assert_close(mine.logits, theirs.logits, rtol=1e-4, atol=1e-4)
    torch.testing.assert_close(mine.boxes, theirs.pred_boxes, rtol=1e-4, atol=1e-4)


def test_weights_of_other_classes_leave_the_heads_as_they_are(tmp_path):
    torch.manual_seed(3)
    other, ours = build(spec(), 7), small()
    save_file(
        {name: value.contiguous() for name, value in other.state_dict().items()}, tmp_path / "a.safetensors"
    )
    before = {name: value.clone() for name, value in ours.state_dict().items()}
    load_weights(ours, tmp_path / "a.safetensors", "base", ours.head_names)
    for name, value in ours.state_dict().items():
        wanted = before[name] if name.startswith(ours.head_names) else other.state_dict()[name]
        torch.testing.assert_close(value, wanted, rtol=0, atol=0)


@pytest.mark.parametrize("name", [name for name in BACKBONES if not name.endswith(("_xlarge", "_l3"))])
def test_every_published_backbone_predicts(name):
    with torch.device("meta"):  # shapes alone
        model = build(spec(backbone=name), 3).eval()
        assert model.net.backbone.strides == (8, 16, 32)
        shapes = [one.shape[-2:] for one, _ in model.net.backbone(torch.empty(2, 3, 128, 128))]
    assert shapes == [(16, 16), (8, 8), (4, 4)]


def test_losses_cover_every_layer_and_the_restored_boxes():
    losses = small().train().losses(images(), TARGETS)
    for part in ("vfl", "bbox", "giou"):
        # the last layer, the one before, the encoder's proposals, and both layers from noise
        assert len([name for name in losses if name.startswith(f"loss_{part}")]) == 5
    alone = small(aux_loss=False).train().losses(images(), TARGETS)
    assert sorted(alone) == ["loss_bbox", "loss_giou", "loss_vfl"]
    assert len(small(dn_number=0).train().losses(images(), TARGETS)) == 9


def test_every_weight_learns_also_without_a_box():
    model = small().train()
    empty = [TARGETS[1], TARGETS[1]]
    for targets in (TARGETS, empty):
        model.zero_grad()
        total(model.losses(images(), targets)).backward()
        without = [name for name, weight in model.named_parameters() if weight.grad is None]
        # Where nothing is to be found, nothing says where a box should be.
        assert not [name for name in without if "bbox" not in name or targets is TARGETS], without


@pytest.mark.parametrize(
    ("key", "value", "grows"),
    [
        ("num_queries", 60, False),
        ("hidden_dim", 96, True),
        ("feat_channels", [96, 96, 96], True),
        ("enc_layers", 2, True),
        ("dec_layers", 3, True),
        ("dim_feedforward", 256, True),
        ("depth_mult", 2, True),
        ("expansion", 1, True),
        ("num_feature_levels", 4, True),
        ("return_interm_indices", [0, 1, 2], False),
        ("use_encoder_idx", [1, 2], True),
    ],
)
def test_keys_shape_the_model(key, value, grows):
    changed, usual = small(**{key: value}), small()
    found = changed.eval()(images())
    assert found.logits.shape == (2, value if key == "num_queries" else 30, 3)
    count, before = (sum(weight.numel() for weight in one.parameters()) for one in (changed, usual))
    assert (count > before) == grows


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("vfl_loss_coef", 2.0),
        ("bbox_loss_coef", 1.0),
        ("giou_loss_coef", 1.0),
        ("alpha", 0.25),
        ("gamma", 1.0),
        ("loss_types", ["focal", "boxes"]),
        ("loss_types", ["bce", "boxes"]),
    ],
)
def test_keys_weigh_the_losses(key, value):
    found = small().eval()(images())
    usual, changed = (
        sum(criterion(one, 3)(found, TARGETS).values()) for one in (spec(), spec(**{key: value}))
    )
    assert float(usual) != pytest.approx(float(changed))


def test_costs_decide_which_candidate_is_matched():
    found = small().eval()(images())
    by_class, by_box = (
        criterion(spec(class_cost=cost, bbox_cost=box, giou_cost=box), 3)(found, TARGETS)
        for cost, box in ((100.0, 0.0), (0.0, 5.0))
    )
    assert by_box["loss_bbox"] < by_class["loss_bbox"]
    with pytest.raises(SpecError, match=r"model\.class_cost: and the other costs must not all be 0"):
        criterion(spec(class_cost=0.0, bbox_cost=0.0, giou_cost=0.0), 3)


def test_the_layer_that_predicts_can_be_chosen():
    first, last = small(eval_idx=0).eval(), small().eval()
    last.load_state_dict(first.state_dict())
    with torch.inference_mode():
        assert not torch.equal(first(images()).logits, last(images()).logits)


def test_activations_computed_twice_give_the_same_gradients():
    usual = small().train()
    twice = build(validate_spec(RtdetrSpec, nested(SMALL_BOXES | {"train.activation_checkpoint": True})), 3)
    twice.load_state_dict(usual.state_dict())
    for model in (usual, twice.train()):
        torch.manual_seed(5)
        total(model.losses(images(), TARGETS)).backward()
    for (name, one), (_, other) in zip(usual.named_parameters(), twice.named_parameters(), strict=True):
        torch.testing.assert_close(one.grad, other.grad, msg=name)


def test_a_frozen_backbone_does_not_learn():
    model = small(train_backbone=False).train()
    before = {name: value.clone() for name, value in model.net.backbone.state_dict().items()}
    total(model.losses(images(), TARGETS)).backward()
    assert not any(weight.requires_grad for weight in model.net.backbone.parameters())
    for name, value in model.net.backbone.state_dict().items():
        assert torch.equal(value, before[name]), name


def test_a_trained_backbone_keeps_its_statistics():
    model = build(spec(), 3, pretrained=True).train()
    norms = [part for part in model.net.backbone.modules() if isinstance(part, nn.BatchNorm2d)]
    assert norms
    assert not any(part.training or part.weight.requires_grad for part in norms)


def test_a_foundation_model_adds_nothing_before_it_is_learnt(monkeypatch):
    from tunesmith.networks.rtdetr import foundation

    monkeypatch.setattr(foundation, "backbone_of", lambda _: type("Named", (), {"timm_name": "test_vit"}))
    plain, helped = small().eval(), small(frozen_fm={"enabled": True}).eval()
    helped.load_state_dict(plain.state_dict(), strict=False)
    with torch.inference_mode():
        torch.testing.assert_close(helped(images()).logits, plain(images()).logits)
    total(helped.train().losses(images(), TARGETS)).backward()
    assert helped.foundation
    added = dict(helped.foundation.named_parameters())
    learning = {name for name, weight in added.items() if weight.requires_grad}
    assert {name for name in added if name.startswith("projections.")} == learning
    gradient = added["projections.0.weight"].grad
    assert gradient is not None
    assert gradient.abs().sum() > 0


def test_maps_of_one_stride_are_scaled_to_each_stage():
    model = build(spec(backbone="test_vit"), 3, size=(128, 128))
    assert isinstance(model.net.backbone.model, Pyramid)
    assert model.eval()(images(96)).logits.shape == (2, 30, 3)


@pytest.mark.parametrize(
    ("keys", "rule"),
    [
        ({"feat_strides": [4, 8, 16]}, "must be the strides of the stages"),
        ({"feat_channels": [64, 32, 64]}, "must hold one width 3 times"),
        ({"num_feature_levels": 2}, "must be at least the number of stages, 3"),
        ({"use_encoder_idx": [3]}, "must hold places of the 3 feature maps"),
        ({"nheads": 3}, "must be a multiple of 4 and of model.nheads"),
        ({"eval_idx": 2}, "must be below model.dec_layers, 2"),
        ({"act": "loud"}, "must be one of"),
        ({"return_interm_indices": [3, 1]}, "must hold rising numbers of stages"),
        ({"loss_types": ["boxes"]}, "must hold boxes and at least one of"),
        ({"backbone": "timm/no_such"}, "has no such model"),
    ],
)
def test_what_cannot_be_built_is_refused_by_key(keys, rule):
    with pytest.raises(SpecError, match=rule):
        small(**keys)
