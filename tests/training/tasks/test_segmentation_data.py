"""Which images a segmentation learns from and measures on, and how masks become classes."""

import io
import tarfile
from pathlib import Path
from uuid import uuid4

import numpy as np
import pytest
import torch
from PIL import Image
from tests.training.jobs import Bench, nested, notes_of
from tests.training.segments import SMALL_SEGMENTS, UNET, write_masked_scenes

from tunesmith.data.errors import DatasetError
from tunesmith.data.scenes import archive, png
from tunesmith.networks.segformer.adapter import settings
from tunesmith.networks.segformer.spec import SegformerSpec
from tunesmith.networks.segmentation import SegmenterSettings
from tunesmith.specs import SpecError, validate_spec
from tunesmith.training.failures import JobError
from tunesmith.training.tasks.image_format import ImageFormat
from tunesmith.training.tasks.segmentation.augment import build_variation
from tunesmith.training.tasks.segmentation.data import (
    Sample,
    images_to_predict,
    labelled_samples,
    training_samples,
)
from tunesmith.training.tasks.segmentation.images import MaskedSource
from tunesmith.training.tasks.segmentation.labels import IGNORED, labels_for
from tunesmith.training.tasks.segmentation.predictions import mask_names

SECTION = "dataset.segment"


def segment(**keys) -> SegmenterSettings:
    return settings(validate_spec(SegformerSpec, {"dataset": {"segment": keys}}))


TABLE = labels_for(segment(num_classes=3).labelling, SECTION, None).table(None)
FORM = ImageFormat(16, 24, (0.5,) * 3, (0.5,) * 3)


@pytest.fixture(scope="module")
def make(bench: Bench, tmp_path_factory: pytest.TempPathFactory):
    """Makes a dataset of scenes; val may lack."""

    def build(train: int = 10, val: int = 3):
        folder = tmp_path_factory.mktemp("source")
        write_masked_scenes(folder, train=train, val=val, test=2)
        return bench.dataset(folder, f"scenes-{uuid4().hex[:6]}", UNET)

    return build


@pytest.fixture(scope="module")
def raw(bench: Bench, tmp_path_factory: pytest.TempPathFactory):
    folder = tmp_path_factory.mktemp("raw")
    images = {f"images/{name}": png(np.zeros((8, 8, 3), np.uint8)) for name in ("a/1.png", "b/1.png")}
    (folder / "images.tar.gz").write_bytes(archive(images))
    return bench.dataset(folder, "raw", "segmentation raw")


def test_all_training_datasets_are_learnt_from(bench, make):
    run = bench.prepare("train", {}, train_datasets=(make(), make(train=12)), eval_dataset=make(val=4))
    samples = training_samples(run, segment(), seed=1)
    assert (len(samples.train), len(samples.validation)) == (22, 4)
    assert samples.labels.classes == ("0", "1", "2")
    assert notes_of(run) == []


def test_without_an_evaluation_dataset_the_training_sets_own_split_is_validated_on(bench, make):
    run = bench.prepare("train", {}, train_datasets=(make(), make(val=5)))
    assert len(training_samples(run, segment(), seed=1).validation) == 8


def test_what_is_learnt_from_is_not_validated_on(bench, make):
    run = bench.prepare("train", {}, train_datasets=(make(train=20),))
    samples = training_samples(run, segment(validation_split="train"), seed=1)
    assert (len(samples.train), len(samples.validation)) == (18, 2)
    assert {one.path for one in samples.train}.isdisjoint(one.path for one in samples.validation)
    assert any("held out for validation" in note for note in notes_of(run))


def test_the_splits_are_those_of_the_spec(bench, make, raw):
    data = make(train=6, val=3)
    run = bench.prepare("train", {}, train_datasets=(data,), eval_dataset=data, inference_dataset=data)
    labels = training_samples(run, segment(train_split="val", validation_split="train"), seed=1).labels
    assert len(labelled_samples(run, segment(), labels)) == 3
    assert len(labelled_samples(run, segment(test_split="train"), labels)) == 6
    assert len(images_to_predict(run, segment(), labels)) == 2
    assert len(images_to_predict(run, segment(predict_split="val"), labels)) == 3
    with pytest.raises(DatasetError, match=r"has no masks for images/test\.tar\.gz"):
        labelled_samples(run, segment(test_split="test"), labels)
    with pytest.raises(SpecError, match=r"dataset\.segment\.test_split: must be a split"):
        labelled_samples(run, segment(test_split="evaluation"), labels)
    run = bench.prepare("inference", {}, inference_dataset=raw)
    assert [one.name for one in images_to_predict(run, segment(), labels)] == ["a/1.png", "b/1.png"]


def test_a_job_without_data_says_so(bench):
    run = bench.prepare("train", {})
    labels = labels_for(segment().labelling, SECTION, None)
    with pytest.raises(JobError, match="no training dataset"):
        training_samples(run, segment(), seed=1)
    with pytest.raises(DatasetError, match="no images to evaluate on"):
        labelled_samples(run, segment(), labels)
    with pytest.raises(DatasetError, match="no images to predict"):
        images_to_predict(run, segment(), labels)


@pytest.fixture
def pair(tmp_path: Path) -> Sample:
    """An image whose left half is white, and its mask, which says 2 there."""
    image, mask = np.zeros((32, 48, 3), np.uint8), np.zeros((32, 48), np.uint8)
    image[:, :24], mask[:, :24] = 255, 2
    Image.fromarray(image).save(tmp_path / "a.png")
    Image.fromarray(mask).save(tmp_path / "mask.png")
    return Sample(tmp_path / "a.png", tmp_path / "mask.png", "a.png", TABLE)


def test_masks_are_scaled_without_blending(pair):
    batch = MaskedSource([pair], FORM).fetch([0])
    assert batch.images.shape == (1, 3, 16, 24)
    assert batch.masks.shape == (1, 16, 24)
    assert set(batch.masks.unique().tolist()) == {0, 2}
    assert bool((batch.masks[0, :, :12] == 2).all())


def test_what_is_held_is_the_same(pair):
    source = MaskedSource([pair, pair], FORM)
    before = source.fetch([1, 0])
    source.hold()
    assert pair.mask
    pair.path.unlink()
    pair.mask.unlink()
    after = source.fetch([1, 0])
    assert torch.equal(before.images, after.images)
    assert torch.equal(before.masks, after.masks)
    assert source.cheap
    assert not source.varied(lambda image, mask: (image, mask)).cheap


def test_an_unknown_value_is_named_with_file_and_remedy(pair):
    assert pair.mask
    Image.fromarray(np.full((32, 48), 9, np.uint8)).save(pair.mask)
    with pytest.raises(DatasetError, match=r"mask\.png has the value 9.*palette"):
        MaskedSource([pair], FORM).fetch([0])


def test_an_image_without_a_mask_is_all_ignored(pair):
    source = MaskedSource([Sample(pair.path, None, "a.png", TABLE)], FORM, tolerant=True)
    assert source.fetch([0]).masks.unique().tolist() == [IGNORED]
    pair.path.write_bytes(b"no image")
    batch = source.fetch([0])
    assert (len(batch.images), len(batch.masks)) == (0, 0)
    assert "a.png" in batch.faults[0][1]


AUGMENTATIONS = {
    "random_flip.hflip_probability": 1.0,
    "random_rotate.enable": True,
    "with_scale_random_crop.enable": True,
    "with_random_crop": True,
}


@pytest.mark.parametrize("key", AUGMENTATIONS)
def test_an_image_and_its_mask_move_together(key):
    prefix = "dataset.segment.augmentation."
    keys = SMALL_SEGMENTS | {prefix + key: AUGMENTATIONS[key]}
    keys |= {prefix + "random_flip.enable": "flip" in key, prefix + "random_rotate.angle_list": [30.0]}
    vary = build_variation(settings(validate_spec(SegformerSpec, nested(keys))).variation, 32, prefix)
    assert vary is not None
    mask = torch.zeros(32, 32, dtype=torch.uint8)
    mask[8:20, 4:12] = 1
    image = mask.mul(255).expand(3, 32, 32)
    torch.manual_seed(0)
    moved = 0
    for _ in range(10):
        varied, label = vary(image, mask)
        assert varied.shape == (3, 32, 32)
        assert label.shape == (32, 32)
        assert set(label.unique().tolist()) <= {0, 1, IGNORED}
        known = label != IGNORED
        # Blended edges may fall to either side.
        assert ((varied[0] > 127) == (label == 1))[known].float().mean() > 0.95
        moved += not torch.equal(label, mask)
    assert moved


def test_colours_leave_masks_alone():
    prefix = "dataset.segment.augmentation."
    keys = SMALL_SEGMENTS | {prefix + "random_color.enable": True, prefix + "with_random_blur": True}
    vary = build_variation(settings(validate_spec(SegformerSpec, nested(keys))).variation, 32, prefix)
    assert vary is not None
    mask = torch.randint(0, 3, (32, 32), dtype=torch.uint8)
    image = torch.randint(0, 255, (3, 32, 32), dtype=torch.uint8)
    pairs = [vary(image, mask) for _ in range(10)]
    assert all(torch.equal(label, mask) for _, label in pairs)
    assert any(not torch.equal(varied, image) for varied, _ in pairs)


def test_masks_of_images_that_differ_in_their_ending_alone_do_not_clash():
    names = mask_names(["a.jpg", "a.png", "b/c.jpg"])
    assert names == ["a.jpg.png", "a.png.png", "b/c.png"]


def test_scenes_hold_what_their_masks_say(tmp_path):
    write_masked_scenes(tmp_path, train=2, val=1, test=1)
    with tarfile.open(tmp_path / "masks" / "train.tar.gz") as packed:
        (first, *_) = [one for one in packed.getmembers() if one.isfile()]
        data = packed.extractfile(first)
        assert data
        assert set(np.unique(np.asarray(Image.open(io.BytesIO(data.read()))))) <= {0, 1, 2}
