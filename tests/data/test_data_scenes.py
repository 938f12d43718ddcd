"""Scenes of digits on photographs: repeatable, true to their annotations, and readable as users' datasets."""

import json
import sys
import tarfile
from pathlib import Path

import numpy as np
import pytest

from tunesmith.data.class_masks import read_class_mask
from tunesmith.data.coco_data import load_coco
from tunesmith.data.findings import Findings
from tunesmith.data.image_files import ImageFiles
from tunesmith.data.masks import box_of
from tunesmith.data.scenes import NAMES, compose, write_scenes, write_semantic


def unpacked(archive: Path, folder: Path) -> Path:
    with tarfile.open(archive) as packed:
        packed.extractall(folder, filter="data")
    return folder


def test_a_seed_gives_the_same_scenes_and_another_one_others():
    first, again, other = (compose(3, seed=seed, size=(96, 64)) for seed in (1, 1, 2))
    for one, two in zip(first, again, strict=True):
        assert (one.pixels == two.pixels).all()
        assert [drawn.box for drawn in one.drawn] == [drawn.box for drawn in two.drawn]
    assert not any((one.pixels == two.pixels).all() for one, two in zip(first, other, strict=True))


def test_digits_do_not_overlap_and_boxes_are_tight():
    found = compose(12, most=4, digits=(3, 7))
    assert max(len(scene.drawn) for scene in found) >= 3
    assert {one.digit for scene in found for one in scene.drawn} == {3, 7}
    for scene in found:
        assert scene.size == (160, 160)
        assert np.sum([one.mask for one in scene.drawn], axis=0).max() == 1
        assert all(one.box == box_of(one.mask) and one.area for one in scene.drawn)


@pytest.mark.parametrize("masks", ["polygons", "rle"])
def test_the_reader_of_users_datasets_finds_what_was_drawn(tmp_path, masks):
    found = compose(4, size=(96, 80), seed=3)
    write_scenes(tmp_path, found, masks=masks, first_id=5)
    findings = Findings()
    files = ImageFiles(unpacked(tmp_path / "images.tar.gz", tmp_path / "unpacked"))
    data = load_coco(tmp_path / "annotations.json", files, findings, masks=True)
    assert not list(findings.all())
    drawn = [one for scene in found for one in scene.drawn]
    digits = sorted({one.digit for one in drawn})
    assert [one.id for one in data.annotated.categories] == [digit + 5 for digit in digits]
    assert data.annotated.boxes.tolist() == [list(one.box) for one in drawn]
    for row, one in enumerate(drawn):
        mask = data.annotated.mask(row)
        assert mask is not None
        assert np.array_equal(mask, one.mask)


def test_boxes_alone_have_no_segmentation(tmp_path):
    write_scenes(tmp_path, compose(2))
    assert sorted(path.name for path in tmp_path.iterdir()) == ["annotations.json", "images.tar.gz"]
    whole = json.loads((tmp_path / "annotations.json").read_text())
    assert not any("segmentation" in one for one in whole["annotations"])
    assert {one["name"] for one in whole["categories"]} <= set(NAMES)


def test_semantic_masks_number_the_digits_that_are_drawn(tmp_path):
    train = compose(2, digits=(4, 9))
    write_semantic(tmp_path, {"train": train, "test": compose(1, digits=(4,), split="val")})
    assert sorted(str(path.relative_to(tmp_path)) for path in tmp_path.rglob("*.gz")) == [
        "images/test.tar.gz",
        "images/train.tar.gz",
        "masks/train.tar.gz",
    ]
    unpacked(tmp_path / "masks" / "train.tar.gz", tmp_path)
    for scene in train:
        mask = read_class_mask(tmp_path / "train" / f"{scene.stem}.png")
        for one in scene.drawn:
            assert (mask[one.mask] == (4, 9).index(one.digit) + 1).all()
        assert (mask > 0).sum() == sum(one.area for one in scene.drawn)


@pytest.mark.parametrize(
    ("module", "package"), [("skimage", "scikit-image"), ("sklearn.datasets", "scikit-learn")]
)
def test_it_says_what_to_install(monkeypatch, module, package):
    from tunesmith.data import scenes

    scenes._photographs.cache_clear()
    scenes._scans.cache_clear()
    monkeypatch.setitem(sys.modules, module, None)
    with pytest.raises(ModuleNotFoundError, match=rf"{package}; install it: pip install 'tunesmith\[demo\]'"):
        compose(1)
