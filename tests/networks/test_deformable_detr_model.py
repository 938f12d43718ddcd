"""The models of deformable_detr: true to the published ones, built by every key of the spec."""

import pytest
import torch
from tests.training.boxes import SMALL
from tests.training.jobs import nested
from torch import nn
from transformers import DeformableDetrConfig, DeformableDetrForObjectDetection

from tunesmith.networks.deformable_detr.model import DeformableDetr, build, criterion
from tunesmith.networks.deformable_detr.spec import BACKBONES, DeformableDetrSpec
from tunesmith.specs import SpecError, validate_spec
from tunesmith.training.engine.weights import load_weights

TARGETS = [
    {
        "boxes": torch.tensor([[0.3, 0.4, 0.2, 0.3], [0.2, 0.3, 0.1, 0.1]]),
        "class_labels": torch.tensor([1, 0]),
    },
    {"boxes": torch.zeros(0, 4), "class_labels": torch.zeros(0, dtype=torch.int64)},
]


def spec(**model) -> DeformableDetrSpec:
    keys = SMALL["deformable_detr"] | {f"model.{key}": value for key, value in model.items()}
    return validate_spec(DeformableDetrSpec, nested(keys))


def small(**model) -> DeformableDetr:
    torch.manual_seed(0)
    return build(spec(**model), 3)


def images(height: int = 96, width: int = 96) -> torch.Tensor:
    """Two images, the second of which is filled up."""
    made = torch.rand(2, 3, height, width, generator=torch.Generator().manual_seed(1)) + 0.1
    made[1, :, height * 2 // 3 :] = 0
    made[1, :, :, width // 2 :] = 0
    return made


def mask_of(made: torch.Tensor) -> torch.Tensor:
    return (made != 0).any(dim=1).long()


@pytest.mark.parametrize("refined", [True, False])
def test_published_weights_predict_as_in_their_library(tmp_path, refined):
    torch.manual_seed(0)
    published = DeformableDetrForObjectDetection(
        DeformableDetrConfig(  # type: ignore[call-arg]
            backbone="resnet18",
            d_model=64,
            encoder_layers=1,
            decoder_layers=2,
            encoder_attention_heads=4,
            decoder_attention_heads=4,
            encoder_ffn_dim=128,
            decoder_ffn_dim=128,
            num_queries=30,
            num_labels=3,
            with_box_refine=refined,
        )
    ).eval()
    for weight in published.parameters():
        nn.init.normal_(weight, std=0.1)
    published.tie_weights()
    published.save_pretrained(tmp_path)
    ours = small(backbone="timm/resnet18", with_box_refine=refined).eval()
    said = load_weights(ours, tmp_path / "model.safetensors", "base")
    assert "are not in it" not in said, said
    assert "were not used" not in said, said
    made = images(96, 128)
    with torch.inference_mode():
        theirs, mine = published(pixel_values=made, pixel_mask=mask_of(made)), ours(made)
    torch.testing.assert_close(mine.logits, theirs.logits, rtol=1e-3, atol=1e-3)
    # Theirs are shares of the image without what fills it up.
    shares = torch.tensor([[1.0, 1.0, 1.0, 1.0], [0.5, 2 / 3, 0.5, 2 / 3]])[:, None]
    torch.testing.assert_close(mine.boxes, theirs.pred_boxes * shares, rtol=1e-3, atol=1e-3)


@pytest.mark.parametrize("name", [*BACKBONES, "timm/swin_tiny_patch4_window7_224"])
@pytest.mark.parametrize("size", [(128, 128), (100, 164)])
def test_every_published_backbone_predicts(name, size):
    with torch.device("meta"):  # shapes alone
        model = build(spec(backbone=name), 3, size=size).eval()
        assert model.image.backbone.strides == (8, 16, 32)
        shapes = [one.shape[-2:] for one in model.image.backbone(torch.empty(2, 3, *size))]
    assert shapes == [(-(-size[0] // stride), -(-size[1] // stride)) for stride in (8, 16, 32)]


def test_boxes_are_shares_of_the_input_and_learnt_as_shares_of_the_image():
    model = small().eval()
    memory = model.image(images())
    (_, boxes) = model._decode(memory)
    found = model(images())
    torch.testing.assert_close(found.boxes[0], boxes[0, -1])
    torch.testing.assert_close(found.boxes[1], boxes[1, -1] * torch.tensor([0.5, 2 / 3, 0.5, 2 / 3]))
    inside = memory.of_image([TARGETS[0], TARGETS[0]])
    torch.testing.assert_close(inside[1]["boxes"][0], torch.tensor([0.6, 0.6, 0.4, 0.45]))


def test_losses_cover_every_layer():
    assert len(small().train().losses(images(), TARGETS)) == 6
    alone = small(aux_loss=False).train().losses(images(), TARGETS)
    assert sorted(alone) == ["loss_bbox", "loss_focal", "loss_giou"]


@pytest.mark.parametrize("refined", [True, False])
def test_every_weight_learns(refined):
    model = small(with_box_refine=refined).train()
    torch.stack(list(model.losses(images(), TARGETS).values())).sum().backward()
    assert not [name for name, weight in model.named_parameters() if weight.grad is None]


@pytest.mark.parametrize(
    ("key", "value", "grows"),
    [
        ("num_queries", 60, True),
        ("hidden_dim", 96, True),
        ("enc_layers", 2, True),
        ("dec_layers", 3, True),
        ("dim_feedforward", 256, True),
        ("enc_n_points", 5, True),
        ("dec_n_points", 5, True),
        ("num_feature_levels", 5, True),
        ("return_interm_indices", [2, 3, 4], True),
        ("with_box_refine", False, False),
        ("dilation", True, False),
    ],
)
def test_keys_shape_the_model(key, value, grows):
    # Dilation is made of plain strides, which not every model has.
    backbone = {"backbone": "timm/resnet10t"} if key == "dilation" else {}
    changed, usual = small(**{key: value}, **backbone).eval(), small(**backbone).eval()
    found = changed(images())
    assert found.logits.shape == (2, value if key == "num_queries" else 30, 3)
    count, before = (sum(weight.numel() for weight in one.parameters()) for one in (changed, usual))
    assert (count > before) == grows
    if key == "dilation":
        assert changed.image.backbone.strides == (8, 16, 16)


def test_costs_are_the_weights_of_the_losses():
    found = small().eval()(images())
    usual, changed = (
        sum(criterion(one, 3)(found, TARGETS).values())
        for one in (spec(), spec(cls_loss_coef=4.0, focal_alpha=0.5))
    )
    assert float(usual) != pytest.approx(float(changed))
    nothing = {f"{name}_loss_coef": 0.0 for name in ("cls", "bbox", "giou")}
    with pytest.raises(SpecError, match=r"model\.cls_loss_coef: and the other costs must not all be 0"):
        criterion(spec(**nothing), 3)


def test_activations_computed_twice_give_the_same_gradients():
    usual = small().train()
    keys = SMALL["deformable_detr"] | {"train.activation_checkpoint": True}
    twice = build(validate_spec(DeformableDetrSpec, nested(keys)), 3).train()
    twice.load_state_dict(usual.state_dict())
    for model in (usual, twice):
        torch.manual_seed(5)
        torch.stack(list(model.losses(images(), TARGETS).values())).sum().backward()
    for (name, one), (_, other) in zip(usual.named_parameters(), twice.named_parameters(), strict=True):
        torch.testing.assert_close(one.grad, other.grad, msg=name)


def test_a_frozen_backbone_does_not_learn():
    model = small(train_backbone=False).train()
    before = {name: value.clone() for name, value in model.image.backbone.state_dict().items()}
    torch.stack(list(model.losses(images(), TARGETS).values())).sum().backward()
    assert not any(weight.requires_grad for weight in model.image.backbone.parameters())
    for name, value in model.image.backbone.state_dict().items():
        assert torch.equal(value, before[name]), name


@pytest.mark.parametrize(
    ("keys", "rule"),
    [
        ({"nheads": 3}, "must be a multiple of 32 and of model.nheads"),
        ({"return_interm_indices": [3, 1]}, "must hold rising numbers of stages"),
        ({"return_interm_indices": [0, 1, 2, 3], "num_feature_levels": 3}, "must name at most"),
        ({"loss_types": ["boxes"]}, "must hold labels and boxes"),
        ({"backbone": "timm/no_such"}, "has no such model"),
        ({"dilation": True, "backbone": "gc_vit_xxtiny"}, "output_stride"),
    ],
)
def test_what_cannot_be_built_is_refused_by_key(keys, rule):
    with pytest.raises(SpecError, match=rule):
        small(**keys)
