"""The models of classification_pyt: every published backbone builds, with a head that can be told apart."""

import pytest
import timm
import torch
from torch import nn

from tunesmith.networks.backbones import backbone_of, timm_names
from tunesmith.networks.classification_pyt.model import build
from tunesmith.networks.classification_pyt.spec import BACKBONES, ClassificationSpec
from tunesmith.networks.classifier import Classifier
from tunesmith.specs import SpecError, validate_spec


def spec(backbone: str, img_size: int = 224, **head) -> ClassificationSpec:
    model = {"backbone": {"type": backbone}, "head": head}
    return validate_spec(ClassificationSpec, {"model": model, "dataset": {"img_size": img_size}})


@pytest.mark.parametrize("name", BACKBONES)
def test_every_published_backbone_predicts_and_gives_features(name):
    with torch.device("meta"):  # shapes alone: the largest has a billion weights
        model = build(spec(name), 7).eval()
        images = torch.empty(2, 3, 224, 224)
        assert model(images).shape == (2, 7)
        assert isinstance(model.head, nn.Linear)
        assert model.features(images).shape == (2, model.head.in_features)


def test_every_stand_in_is_a_timm_model_and_only_exact_ones_are_silent():
    found = {name: backbone_of(name) for name in BACKBONES}
    assert {backbone.timm_name for backbone in found.values()} <= timm_names()
    silent = {name for name, backbone in found.items() if not backbone.difference}
    assert {name for name in silent if name.startswith(("fan", "c_radio", "ViT"))} == set()
    assert {"convnextv2_atto", "gc_vit_tiny"} <= silent


def test_the_prefix_names_any_timm_model():
    assert backbone_of("timm/resnet18") == backbone_of("resnet18")
    assert sum(1 for _ in build(spec("timm/resnet18"), 3).parameters()) == 62


@pytest.mark.parametrize(
    "name", ["resnet18", "mobilenetv3_small_050", "convnextv2_atto", "test_vit", "xcit_nano_12_p16_224"]
)
def test_small_images_train(name):
    torch.manual_seed(0)
    model = build(spec(name, img_size=32), 4).train()
    loss = model(torch.randn(4, 3, 32, 32)).square().mean()
    loss.backward()
    assert bool(loss.isfinite())


def test_a_binary_head_gives_two_logits_of_one_output():
    model = build(spec("test_resnet", binary=True), 2).eval()
    logits = model(torch.randn(3, 3, 32, 32))
    assert logits.shape == (3, 2)
    assert logits[:, 0].tolist() == [0, 0, 0]
    assert model.head.out_features == 1


def test_a_frozen_backbone_stays_in_evaluation_mode():
    model = build(spec("test_resnet", type="LogisticRegressionHead"), 3)
    model.train()
    learning = {name for name, parameter in model.named_parameters() if parameter.requires_grad}
    assert learning == {"net.fc.weight", "net.fc.bias"}
    before = {name: value.clone() for name, value in model.named_buffers()}
    model(torch.randn(4, 3, 32, 32))
    assert all(torch.equal(value, before[name]) for name, value in model.named_buffers())
    assert model.head_names == ("fc.",)


def test_a_size_can_be_asked_for():
    model = build(spec("test_vit", img_size=32), 3, size=(64, 48)).eval()
    assert model(torch.randn(1, 3, 64, 48)).shape == (1, 3)


class TwoHeads(nn.Module):
    def get_classifier(self):
        return nn.Linear(1, 1), nn.Linear(1, 1)


def test_a_backbone_with_two_classifiers_cannot_be_frozen():
    with pytest.raises(SpecError, match="must be a backbone with one classifier"):
        Classifier(TwoHeads(), binary=False, frozen=True)


def test_the_catalogue_is_that_of_the_installed_timm():
    missing = set(timm.list_models()) - timm_names()
    assert missing == set()
