"""The models of segformer: every published backbone builds, each key of the section acts, weights fit."""

from pathlib import Path
from typing import Any, cast

import pytest
import torch
from safetensors.torch import load_file
from transformers import SegformerConfig, SegformerForSemanticSegmentation

from tunesmith.networks.segformer.backbones import MIX_TRANSFORMERS
from tunesmith.networks.segformer.model import build
from tunesmith.networks.segformer.spec import BACKBONES, SegformerSpec
from tunesmith.specs import SpecError, validate_spec
from tunesmith.training.engine.weights import fit


def spec(backbone: str = "test_resnet", size: int = 64, head=None, **options) -> SegformerSpec:
    decoder = {"decoder_params": {"embed_dim": 16}} | (head or {})
    model = {"backbone": {"type": backbone} | options, "decode_head": decoder}
    return validate_spec(SegformerSpec, {"model": model, "dataset": {"segment": {"img_size": size}}})


@pytest.mark.parametrize("name", [*BACKBONES, *MIX_TRANSFORMERS])
def test_every_published_backbone_gives_logits_of_a_quarter_of_the_size(name):
    with torch.device("meta"):  # shapes alone: the largest has a billion weights
        model = build(spec(name, 224), 7).eval()
        assert model(torch.empty(2, 3, 224, 224)).shape == (2, 7, 56, 56)


@pytest.mark.parametrize(
    "name", ["mit_b0", "test_vit", "convnextv2_atto", "swin_tiny_patch4_window7_224", "timm/efficientvit_b0"]
)
def test_small_images_train(name):
    torch.manual_seed(0)
    model = build(spec(name), 4).train()
    loss = model(torch.randn(2, 3, 64, 64)).square().mean()
    loss.backward()
    assert bool(loss.isfinite())
    assert all(part.grad is not None for part in model.decode_head.parameters())


def test_patches_that_do_not_divide_the_image_are_served():
    assert build(spec("vit_small_patch14_dinov2", 64), 3)(torch.randn(1, 3, 64, 64)).shape == (1, 3, 16, 16)


def test_a_model_of_one_stride_takes_other_sizes_with_the_same_weights():
    one, other = build(spec("test_vit"), 3), build(spec("test_vit"), 3, size=(96, 160))
    other.load_state_dict(one.state_dict())
    assert other(torch.randn(1, 3, 96, 160)).shape == (1, 3, 24, 40)


@pytest.mark.parametrize(
    ("head", "levels", "side"),
    [({"in_index": [1, 2]}, 2, 8), ({"in_index": [0]}, 1, 16), ({"feature_strides": [8, 16, 16, 32]}, 4, 8)],
)
def test_the_decoder_takes_the_maps_that_it_is_told_to(head, levels, side):
    model = build(spec("test_vit", head=head), 3)
    branches = model.branches(torch.randn(1, 3, 64, 64))
    assert (len(branches), model.levels) == (levels, levels)
    assert model.outputs(branches).shape == (1, 3, side, side)


def test_options_of_the_backbone_act():
    images = torch.randn(1, 3, 64, 64)
    assert [one.shape[-1] for one in build(spec(), 3).branches(images)] == [16, 8, 4, 2]
    assert [one.shape[-1] for one in build(spec(feat_downsample=True), 3).branches(images)] == [16, 8, 4, 1]
    frozen = build(spec(freeze_backbone=True), 3).train()
    assert not any(part.requires_grad for part in frozen.maps.parameters())
    assert not frozen.maps.training
    assert frozen.decode_head.training


def test_aligned_corners_give_other_logits():
    torch.manual_seed(0)
    one, other = build(spec(), 3).eval(), build(spec(head={"align_corners": True}), 3).eval()
    other.load_state_dict(one.state_dict())
    images = torch.randn(1, 3, 64, 64)
    assert not torch.allclose(one(images), other(images))


@pytest.mark.parametrize(
    ("head", "key"),
    [
        ({"in_index": [0, 4]}, "in_index"),
        ({"in_index": []}, "in_index"),
        ({"feature_strides": [4, 8]}, "feature_strides"),
        ({"decoder_params": {"embed_dim": 0}}, "decoder_params"),
        ({"decoder_params": {"width": 3}}, "decoder_params"),
    ],
)
def test_what_cannot_be_built_is_named(head, key):
    with pytest.raises(SpecError, match=rf"model\.decode_head\.{key}"):
        build(spec(head=head), 3)


def test_a_backbone_that_does_not_exist_is_named():
    with pytest.raises(SpecError, match=r"model\.backbone\.type: timm .* has no such model"):
        build(spec("timm/resnet17"), 3)


@pytest.fixture(scope="module")
def published(tmp_path_factory: pytest.TempPathFactory) -> tuple[SegformerForSemanticSegmentation, Path]:
    """A whole model as transformers saves it: with the names of the weights on its hub."""
    folder = tmp_path_factory.mktemp("published")
    config: Any = SegformerConfig(decoder_hidden_size=16)
    config.num_labels = 3
    model = SegformerForSemanticSegmentation(config).eval()
    model.save_pretrained(folder)
    return model, folder / "model.safetensors"


def test_a_published_model_predicts_the_same_here(published):
    theirs, path = published
    ours = build(spec("mit_b0"), 3).eval()
    fitting = fit(ours, load_file(path))
    assert (fitting.missing, fitting.mismatched, fitting.unused) == ((), (), 0)
    images = torch.randn(1, 3, 64, 64)
    with torch.no_grad():
        assert torch.allclose(ours(images), theirs(images).logits, atol=1e-5)


def test_of_a_published_model_the_backbone_alone_can_be_taken(published):
    theirs, path = published
    ours = build(spec("mit_b0"), 5)
    before = ours.decode_head.classifier.weight.clone()
    fitting = fit(ours.maps.net, load_file(path))
    assert not fitting.missing
    begins = [cast("Any", net).stages[0].layer_norm.weight for net in (ours.maps.net, theirs.segformer)]
    assert torch.equal(*begins)
    assert torch.equal(ours.decode_head.classifier.weight, before)


def test_another_number_of_classes_is_told(published):
    fitting = fit(build(spec("mit_b0"), 5), load_file(published[1]))
    assert set(fitting.mismatched) == {"decode_head.classifier.weight", "decode_head.classifier.bias"}
