"""The models of dino: what the paper adds to Deformable DETR, and every key of the spec."""

from typing import Any

import pytest
import torch
from tests.training.boxes import SMALL
from tests.training.jobs import nested
from torch import nn

from tunesmith.networks.dino.model import Dino, build
from tunesmith.networks.dino.noise import noise_of
from tunesmith.networks.dino.spec import BACKBONES, DinoSpec
from tunesmith.specs import validate_spec
from tunesmith.training.engine.weights import load_weights

TARGETS = [
    {
        "boxes": torch.tensor([[0.3, 0.4, 0.2, 0.3], [0.2, 0.3, 0.1, 0.1]]),
        "class_labels": torch.tensor([1, 0]),
    },
    {"boxes": torch.zeros(0, 4), "class_labels": torch.zeros(0, dtype=torch.int64)},
]


def spec(**model) -> DinoSpec:
    keys = SMALL["dino"] | {f"model.{key}": value for key, value in model.items()}
    return validate_spec(DinoSpec, nested(keys))


def small(**model) -> Dino:
    torch.manual_seed(0)
    return build(spec(**model), 3)


def images(height: int = 96, width: int = 96) -> torch.Tensor:
    """Two images, the second of which is filled up."""
    made = torch.rand(2, 3, height, width, generator=torch.Generator().manual_seed(1)) + 0.1
    made[1, :, height * 2 // 3 :] = 0
    made[1, :, :, width // 2 :] = 0
    return made


def losses_of(model: Dino, targets=TARGETS) -> dict[str, torch.Tensor]:
    torch.manual_seed(3)
    return model.train().losses(images(), targets)


def total(losses) -> torch.Tensor:
    return torch.stack(list(losses.values())).sum()


@pytest.mark.parametrize("name", [name for name in BACKBONES if not name.endswith("_384")])
def test_every_published_backbone_predicts(name):
    with torch.device("meta"):  # shapes alone
        backbone = build(spec(backbone=name), 3, size=(100, 164)).eval().image.backbone
        shapes = [one.shape[-2:] for one in backbone(torch.empty(2, 3, 100, 164))]
    assert shapes == [(13, 21), (7, 11), (4, 6)]


def test_losses_cover_every_layer_the_proposals_and_the_restored_boxes():
    names = losses_of(small())
    for part in ("focal", "bbox", "giou"):
        # both layers, the proposals, and both layers from noise
        assert len([name for name in names if name.startswith(f"loss_{part}")]) == 5
    # The last layer, the proposals, and the last layer from noise.
    assert len(losses_of(small(aux_loss=False))) == 9
    assert len(losses_of(small(use_dn=False))) == 9
    assert len(losses_of(small(two_stage_type="no"))) == 12
    assert len(losses_of(small(no_interm_box_loss=True))) == 13


@pytest.mark.parametrize(
    "keys",
    [
        {},
        {"decoder_sa_type": "ca_label", "use_dn": False},
        {"decoder_sa_type": "ca_content"},
        {"two_stage_type": "no"},
        {"two_stage_type": "no", "fix_refpoints_hw": -2},
        {"two_stage_type": "no", "fix_refpoints_hw": 2},
        {"embed_init_tgt": False},
        {"pre_norm": True},
        {"dn_box_noise_scale": 0.0, "dn_label_noise_ratio": 0.0},
    ],
    ids=str,
)
def test_every_weight_learns_also_without_a_box(keys):
    model = small(**keys).train()
    for targets in (TARGETS, [TARGETS[1], TARGETS[1]]):
        model.zero_grad()
        total(model.losses(images(), targets)).backward()
        grads = {name: weight.grad for name, weight in model.named_parameters()}
        without = [name for name, grad in grads.items() if grad is None or not grad.isfinite().all()]
        assert not without, without


def test_a_layers_boxes_are_judged_through_the_layer_before_alone():
    model = small(dec_layers=3, use_dn=False).train()
    memory = model._remember(images())
    queries = model.queries(memory)
    _, boxes = model._decode(memory, queries, None)
    heads: Any = model.decoder.bbox_embed
    for layer, reached in ((0, [True, False, False]), (1, [True, True, False]), (2, [False, True, True])):
        grads = torch.autograd.grad(
            boxes[:, layer].sum(),
            [head.layers[-1].bias for head in heads],
            retain_graph=True,
            allow_unused=True,
        )
        assert [grad is not None and bool(grad.abs().sum() > 0) for grad in grads] == reached


def test_queries_begin_at_the_surest_places_inside_of_the_image():
    model = small().eval()
    memory = model._remember(images())
    found = model.queries(memory)
    assert found.proposals is not None
    sure = found.proposals.logits.amax(dim=-1)
    assert (sure[:, :-1] >= sure[:, 1:]).all()
    # 96 x 96 pixels have 144 + 36 + 9 + 4 places, of which the second image has a third.
    many = small(num_queries=500).eval()
    assert many(images()).logits.shape == (2, 144 + 36 + 9 + 4, 3)
    assert (model(images()).boxes[1, :, 0] <= 0.5 + 1e-5).all()


def test_contents_are_learnt_or_the_encoders():
    memory = small()._remember(images())
    learnt, seen = (small(embed_init_tgt=kind).queries(memory).content for kind in (True, False))
    assert torch.equal(learnt[0], learnt[1])
    assert not torch.equal(seen[0], seen[1])
    assert not seen.requires_grad


@pytest.mark.parametrize(("fixed", "sides"), [(-1, 60), (-2, 1), (2, 1)])
def test_learnt_places_have_sides_of_their_own_or_one_for_all(fixed, sides):
    model = small(two_stage_type="no", fix_refpoints_hw=fixed)
    boxes = model.queries(model._remember(images())).boxes
    assert len(boxes[0, :, 2:].flatten().unique()) == sides
    if fixed > 0:
        assert boxes[0, 0, 2].item() == pytest.approx(torch.tensor(2.0).sigmoid().item())


def test_noise_moves_boxes_as_far_as_it_is_told_and_hides_groups_from_one_another():
    labels = nn.Embedding(4, 8)
    torch.manual_seed(0)
    known = spec(dn_number=40, dn_box_noise_scale=0.4, dn_label_noise_ratio=0.0).model
    noise = noise_of(known, TARGETS, labels, 10)
    assert noise is not None
    count, queries = noise.facts["dn_num_split"]
    assert (count, queries) == (80, 10)  # 20 groups of two objects, each with little noise and with much
    near = noise.facts["dn_positive_idx"][0]
    wanted = TARGETS[0]["boxes"].repeat(len(near) // 2, 1)
    moved = (noise.boxes[0, near] - wanted).abs() / wanted[:, [2, 3, 2, 3]]
    assert 0 < moved.max() <= 0.4 + 1e-4
    assert (noise.mask[count:, :count] == float("-inf")).all()
    assert (noise.mask[:4, 4:count] == float("-inf")).all()
    assert (noise.mask[:4, :4] == 0).all()
    still = noise_of(spec(dn_number=40, dn_box_noise_scale=0.0).model, TARGETS, labels, 10)
    assert still is not None
    torch.testing.assert_close(still.boxes[0, :2], TARGETS[0]["boxes"])
    assert noise_of(known, [TARGETS[1]], labels, 10) is None


def test_noisy_queries_tell_the_others_nothing():
    model = small(dropout_ratio=0.0).eval()
    with torch.inference_mode():
        alone = model(images())
        memory = model._remember(images())
        queries = model.queries(memory)
        assert model.label_embed is not None
        noise = noise_of(model._spec, memory.of_image(TARGETS), model.label_embed, 30)
        logits, _ = model._decode(memory, queries, noise)
    torch.testing.assert_close(logits[:, -1, -30:], alone.logits, rtol=1e-4, atol=1e-4)


def test_activations_computed_twice_give_the_same_gradients():
    usual = small().train()
    keys = SMALL["dino"] | {"train.activation_checkpoint": True}
    twice = build(validate_spec(DinoSpec, nested(keys)), 3)
    twice.load_state_dict(usual.state_dict())
    for model in (usual, twice):
        total(losses_of(model)).backward()
    for (name, one), (_, other) in zip(usual.named_parameters(), twice.named_parameters(), strict=True):
        torch.testing.assert_close(one.grad, other.grad, msg=name)


def test_published_weights_of_a_backbone_fill_it(tmp_path):
    import timm
    from safetensors.torch import save_file

    torch.manual_seed(9)
    published = timm.create_model("test_byobnet")
    save_file(published.state_dict(), tmp_path / "model.safetensors")
    ours = small()
    load_weights(ours, tmp_path / "model.safetensors", "base", ours.head_names)
    wanted = published.state_dict()
    for name, value in ours.part("backbone").state_dict().items():
        assert torch.equal(value, wanted[name]), name


def test_a_checkpoint_of_other_classes_leaves_the_heads_as_they_are(tmp_path):
    torch.manual_seed(3)
    other, ours = build(spec(), 7), small()
    torch.save(other.state_dict(), tmp_path / "a.pth")
    before = {name: value.clone() for name, value in ours.state_dict().items()}
    load_weights(ours, tmp_path / "a.pth", "base", ours.head_names)
    for name, value in ours.state_dict().items():
        wanted = before[name] if name.startswith(ours.head_names) else other.state_dict()[name]
        assert torch.equal(value, wanted), name
