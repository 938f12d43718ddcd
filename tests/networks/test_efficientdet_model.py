"""EfficientDet: anchors, pyramid, losses; published weights fit."""

import pytest
import torch
from tests.training.anchored import SMALL_ANCHORED
from tests.training.jobs import nested
from torch import nn
from torch.nn.functional import huber_loss
from torchvision.ops import box_iou, sigmoid_focal_loss

from tunesmith.networks.efficientdet_tf2.anchors import anchors_of, corners, decode, encode
from tunesmith.networks.efficientdet_tf2.losses import OVERLAPS, Losses, assign
from tunesmith.networks.efficientdet_tf2.model import EfficientDet, build, criterion
from tunesmith.networks.efficientdet_tf2.spec import EfficientDetSpec
from tunesmith.networks.layers.bifpn import sized
from tunesmith.specs import validate_spec
from tunesmith.training.engine.weights import fit

TARGETS = [
    {
        "boxes": torch.tensor([[0.5, 0.5, 0.2, 0.3], [0.2, 0.3, 0.4, 0.4]]),
        "class_labels": torch.tensor([1, 0]),
    },
    {"boxes": torch.zeros(0, 4), "class_labels": torch.zeros(0, dtype=torch.int64)},
]


def spec(**keys) -> EfficientDetSpec:
    return validate_spec(EfficientDetSpec, nested(SMALL_ANCHORED | keys))


def small(**keys) -> EfficientDet:
    torch.manual_seed(0)
    return build(spec(**keys), 3)


def images(side: int = 96) -> torch.Tensor:
    return torch.rand(2, 3, side, side, generator=torch.Generator().manual_seed(1))


@pytest.mark.parametrize("size", [(128, 128), (64, 160), (100, 72)])
def test_there_is_an_anchor_for_each_prediction(size):
    keys = {"model.input_height": size[0], "model.input_width": size[1]}
    model = small(**keys).eval()
    found = model(torch.rand(1, 3, *size))
    assert found.logits.shape == (1, len(model.anchors), 3)
    assert found.boxes.shape == (1, len(model.anchors), 4)


def test_anchors_have_the_sizes_and_shapes_of_the_spec_in_pixels():
    model = spec(**{"model.anchor_scale": 4, "model.aspect_ratios": "[(1.0, 1.0), (1.4, 0.7)]"}).model
    found = anchors_of(model, (128, 256)) * torch.tensor([256, 128, 256, 128])
    # At the first place of the finest map: three sizes of each of two shapes.
    first = found[:6]
    assert first[:, :2].tolist() == [[4.0, 4.0]] * 6
    sides = [32 * 2 ** (one / 3) for one in range(3) for _ in range(2)]
    shapes = [(1.0, 1.0), (1.4, 0.7)] * 3
    wanted = [[side * wide, side * tall] for side, (wide, tall) in zip(sides, shapes, strict=True)]
    torch.testing.assert_close(first[:, 2:], torch.tensor(wanted))
    assert found[-1, 2:].tolist() == pytest.approx([1.4 * 512 * 2 ** (2 / 3), 0.7 * 512 * 2 ** (2 / 3)])


def test_predictions_mean_boxes_and_back():
    anchors = anchors_of(spec().model, (96, 96))
    boxes = torch.rand(len(anchors), 4) * 0.5 + 0.1
    torch.testing.assert_close(decode(encode(boxes, anchors), anchors), boxes, atol=1e-5, rtol=1e-4)
    torch.testing.assert_close(decode(torch.zeros_like(anchors), anchors), anchors)


def test_anchors_answer_for_boxes_they_overlap_and_each_box_has_one():
    anchors = anchors_of(spec().model, (96, 96))
    boxes = torch.cat([TARGETS[0]["boxes"], torch.tensor([[0.9, 0.9, 0.02, 0.02]])])
    answers = assign(anchors, boxes)
    overlaps = box_iou(corners(boxes), corners(anchors))
    for index in range(len(boxes)):
        mine = answers == index
        assert mine.any()
        forced = overlaps[index].argmax()
        assert all(overlaps[index, place] >= 0.5 or place == forced for place in mine.nonzero()[:, 0])
    assert (answers[overlaps.amax(0) < 0.5] >= 0).sum() <= len(boxes)
    assert (assign(anchors, torch.zeros(0, 4)) == -1).all()


def test_the_losses_are_the_published_ones():
    anchors = anchors_of(spec().model, (96, 96))
    own = spec(**{"train.box_loss_weight": 2.0})
    logits, codes = torch.randn(2, len(anchors), 3), torch.randn(2, len(anchors), 4) / 10
    found = Losses(anchors, 3, own.train)(logits, codes, TARGETS)
    answers = assign(anchors, TARGETS[0]["boxes"])
    places = answers >= 0
    wanted = torch.zeros_like(logits)
    wanted[0, places, TARGETS[0]["class_labels"][answers[places]]] = 1
    count = places.sum() + 1
    focal = sigmoid_focal_loss(logits, wanted, 0.25, 1.5, "sum") / count
    torch.testing.assert_close(found["loss_class"], focal)
    meant = encode(TARGETS[0]["boxes"][answers[places]], anchors[places])
    huber = huber_loss(codes[0, places], meant, reduction="sum", delta=0.1) / (4 * count)
    torch.testing.assert_close(found["loss_bbox"], 2 * huber)


@pytest.mark.parametrize("kind", OVERLAPS)
def test_losses_by_overlap_are_nothing_for_boxes_that_are_right(kind):
    boxes = corners(TARGETS[0]["boxes"])
    assert float(OVERLAPS[kind](boxes, boxes)) == pytest.approx(0.0, abs=1e-4)
    assert float(OVERLAPS[kind](boxes + 0.05, boxes)) > 0.1
    found = small(**{"train.iou_loss_type": kind}).losses(images(), TARGETS)
    assert set(found) == {"loss_class", "loss_bbox", "loss_giou"}


def test_validation_finds_the_losses_of_the_training():
    model = small().eval()
    with torch.no_grad():
        learnt, found = model.losses(images(), TARGETS), model(images())
        measured = criterion(spec(), 3)(found, TARGETS)
    for name, value in learnt.items():
        torch.testing.assert_close(measured[name], value, rtol=1e-3, atol=1e-4)


def test_every_weight_learns():
    model = small().train()
    torch.stack(list(model.losses(images(), TARGETS).values())).sum().backward()
    assert [name for name, weight in model.named_parameters() if weight.grad is None] == []


def test_maps_are_pooled_and_repeated():
    found = torch.arange(16.0).reshape(1, 1, 4, 4)
    assert sized(found, torch.Size([2, 2])).flatten().tolist() == [10, 11, 14, 15]
    assert sized(found[..., :2, :2], torch.Size([4, 4]))[0, 0, 0].tolist() == [0, 0, 1, 1]
    assert sized(found, torch.Size([4, 4])) is found


def test_frozen_parts_keep_their_statistics():
    keys = {"model.backbone": "", "model.freeze_blocks": [0, 1], "model.freeze_bn": True}
    model = small(**keys)
    before = {name: value.clone() for name, value in model.state_dict().items()}
    model.train()(images())
    for name, value in model.state_dict().items():
        torch.testing.assert_close(value, before[name])
    norms = [part for part in model.modules() if isinstance(part, nn.BatchNorm2d)]
    assert not any(weight.requires_grad for part in norms for weight in part.parameters())
    blocks = model.backbone.maps.net.get_submodule("blocks").children()
    learning = [any(weight.requires_grad for weight in block.parameters()) for block in blocks]
    assert learning == [False, False, *[True] * 5]


@pytest.mark.parametrize(
    ("name", "millions"),
    # Tan et al. 2020, table 2; theirs are of 90 classes.
    [("efficientdet-d0", 3.9), ("efficientdet-d1", 6.6), ("efficientdet-d2", 8.1)],
)
def test_the_models_have_the_published_sizes(name, millions):
    usual = validate_spec(EfficientDetSpec, {"model": {"name": name}})
    with torch.device("meta"):
        model = build(usual, 90)
    assert sum(weight.numel() for weight in model.parameters()) / 1e6 == pytest.approx(millions, abs=0.06)


def test_published_weights_fit_by_name():
    torch.manual_seed(1)
    given = small()
    inner = "backbone.maps.net."
    published: dict[str, torch.Tensor] = {}
    for name, value in given.state_dict().items():
        stem, _, place = name.rpartition(".")
        if stem.endswith("edge_weights"):
            known = published.get(stem, torch.zeros(0))
            published[stem] = torch.cat([known, value.reshape(1) + int(place)])
        else:
            published[name.replace(inner, "backbone.")] = value
    model = small()
    found = fit(model, published)
    assert not found.missing
    assert not found.mismatched
    torch.testing.assert_close(
        model.state_dict()["fpn.cell.0.fnode.4.combine.edge_weights.2"], torch.tensor(3.0)
    )
    inside = [name for name in published if name.startswith("backbone.")]
    alone = {name.removeprefix("backbone."): published[name] for name in inside}
    filled = fit(small(), alone)
    assert len(filled.matched) == len(alone)
