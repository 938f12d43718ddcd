"""The models of mask2former: published sizes build, all trains, published weights predict the same."""

from typing import Any, cast

import pytest
import torch
from safetensors.torch import load_file
from tests.training.jobs import nested
from tests.training.masks import SMALL_MASKS
from transformers import Mask2FormerConfig, Mask2FormerForUniversalSegmentation

from tunesmith.networks.layers.masker import Entry
from tunesmith.networks.mask2former.model import Mask2Former, build, settings
from tunesmith.networks.mask2former.spec import Mask2FormerSpec
from tunesmith.specs import validate_spec
from tunesmith.training.engine.weights import fit

SWIN: dict[str, Any] = {
    "model.backbone.type": "swin",
    "model.backbone.swin.embed_dim": 16,
    "model.backbone.swin.depths": [1, 1, 1, 1],
    "model.backbone.swin.num_heads": [1, 2, 4, 8],
    "model.backbone.swin.window_size": 4,
    "model.mask_former.importance_sample_ratio": 0.75,
}


def spec(**changes: Any) -> Mask2FormerSpec:
    return validate_spec(Mask2FormerSpec, nested(SMALL_MASKS | changes))


def targets(size: int = 64) -> list[dict[str, torch.Tensor]]:
    """Of two images: two objects, and none."""
    masks = torch.zeros(2, size, size, dtype=torch.bool)
    masks[0, :20], masks[1, 30:] = True, True
    return [
        {"masks": masks, "class_labels": torch.tensor([0, 2])},
        {"masks": masks[:0], "class_labels": torch.zeros(0, dtype=torch.int64)},
    ]


@pytest.mark.parametrize("size", ["tiny", "small", "base", "large"])
def test_every_published_size_builds(size):
    keys = {"model.backbone.swin.type": size, "dataset.augmentation.train_crop_size": [128, 128]}
    with torch.device("meta"):  # shapes alone
        model = build(validate_spec(Mask2FormerSpec, nested(keys)), 133)
    assert model.net.model.pixel_level_module.encoder.config.depths[2] == (6 if size == "tiny" else 18)
    assert model.net.config.num_queries == 100


@pytest.mark.parametrize(
    "keys",
    [
        {},
        SWIN,
        SWIN | {"model.backbone.swin.ape": True, "model.backbone.swin.patch_norm": False},
        {"model.backbone.type": "efficientvit", "model.backbone.efficientvit.name": "b0"},
        {"model.backbone.type": "test_vit"},
        {"model.sem_seg_head.common_stride": 8},
        {"model.sem_seg_head.norm": "", "train.activation_checkpoint": True},
    ],
)
def test_small_images_train(keys):
    torch.manual_seed(0)
    model = build(spec(**keys), 3).train()
    losses = model.losses(torch.randn(2, 3, 64, 64), targets())
    assert len(losses) == 6, "three losses at two predictions"
    total = torch.stack(list(losses.values())).sum()
    total.backward()
    assert bool(total.isfinite())
    assert [name for name, one in model.named_parameters() if one.requires_grad and one.grad is None] == []
    side = 64 // model.net.config.common_stride
    assert model(torch.randn(2, 3, 64, 64)).masks.shape == (2, 12, side, side)


def test_images_without_objects_alone_can_be_learnt_from():
    losses = build(spec(), 3).losses(torch.randn(2, 3, 64, 64), [targets()[1]] * 2)
    assert bool(torch.stack(list(losses.values())).isfinite().all())


def test_a_position_embedding_fits_images_of_any_size():
    keys = SWIN | {"model.backbone.swin.ape": True, "model.backbone.swin.pretrain_img_size": 64}
    model = build(spec(**keys), 3).eval()
    embedding = model.net.model.pixel_level_module.encoder.swin.embeddings.position_embeddings
    assert embedding.shape[1] == 16 * 16
    assert model(torch.randn(1, 3, 96, 160)).masks.shape[-2:] == (24, 40)


def test_a_model_remembers_its_classes():
    one, other = build(spec(), 2), build(spec(), 2)
    one.legend.fill([Entry(7, "cat", True, (1, 2, 3)), Entry(9, "sky", False, (4, 5, 255))])
    other.load_state_dict(one.state_dict())
    assert other.legend.ids.tolist() == [7, 9]
    assert other.legend.things.tolist() == [True, False]
    assert other.legend.colours.tolist() == [[1, 2, 3], [4, 5, 255]]


@pytest.fixture(scope="module")
def published(tmp_path_factory: pytest.TempPathFactory):
    """A whole model as transformers saves it: with the names of the weights on its hub."""
    config = cast("Any", build(spec(**SWIN), 3).net.config)
    config = Mask2FormerConfig.from_dict(config.to_dict())
    config.num_labels = 3
    torch.manual_seed(1)
    model = Mask2FormerForUniversalSegmentation(config).eval()
    folder = tmp_path_factory.mktemp("published")
    model.save_pretrained(folder)
    return model, folder / "model.safetensors"


def test_a_published_model_predicts_the_same_here(published):
    theirs, path = published
    ours = build(spec(**SWIN), 3).eval()
    fitting = fit(ours, load_file(path), ours.head_names[1:])
    assert (fitting.missing, fitting.mismatched) == ((), ())
    images = torch.randn(1, 3, 64, 64)
    with torch.no_grad():
        expected, found = theirs(images), ours(images)
    torch.testing.assert_close(found.logits, expected.class_queries_logits, atol=1e-4, rtol=1e-4)
    torch.testing.assert_close(found.masks, expected.masks_queries_logits, atol=1e-4, rtol=1e-4)


def test_of_a_published_model_other_classes_begin_anew(published):
    ours = build(spec(**SWIN), 5)
    before = ours.net.class_predictor.weight.clone()
    fitting = fit(ours, load_file(published[1]), Mask2Former.head_names)
    assert (fitting.missing, fitting.mismatched) == ((), ())
    assert torch.equal(ours.net.class_predictor.weight, before)


def test_a_backbone_of_timm_is_told_where_it_is_not_the_published_one():
    keys = {"model.backbone.type": "efficientvit", "model.backbone.efficientvit.name": "l0"}
    (note,) = settings(spec(**keys)).notes
    assert "efficientvit_l1" in note
    assert settings(spec(**SWIN)).notes == ()
