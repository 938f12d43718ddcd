"""Whatever is damaged in sets of boxes and masks: what passes can be read to the end, image by image."""

from collections.abc import Callable
from pathlib import Path

import pytest
from tests.data.detection_data import Files, coco, kitti, odvg, panoptic, scenes, unet
from tests.data.looking import errors, look
from tests.data.test_data_special_damaged import damaged

from tunesmith.data.class_masks import read_class_mask
from tunesmith.data.coco_data import CocoData
from tunesmith.data.images import load
from tunesmith.data.kitti import KittiData, read_boxes, visible
from tunesmith.data.odvg import OdvgData
from tunesmith.data.panoptic import read_panoptic
from tunesmith.data.panoptic_data import PanopticData
from tunesmith.data.unet import UnetData

PICTURES = scenes(3, most=2, size=(64, 48))


def read_coco(folder: Path, masks: bool) -> int:
    data = CocoData.open(folder, masks=masks)
    found = data.annotated
    for place, path in enumerate(data.paths):
        height, width, _ = load(path).shape
        assert (found.images[place].width, found.images[place].height) == (width, height)
        for row in found.rows(place):
            left, top, right, bottom = found.boxes[row]
            assert 0 <= left < right <= width
            assert 0 <= top < bottom <= height
            mask = found.mask(row)
            assert mask is None or mask.shape == (height, width)
    return len(found)


def read_kitti(folder: Path) -> int:
    count = 0
    for sample in KittiData.open(folder).samples():
        height, width, _ = load(sample.path).shape
        count += len(visible(read_boxes(sample.labels), width, height))
    return count


def read_odvg(folder: Path, masks: bool) -> int:
    data = OdvgData.open(folder, masks=masks)
    count = 0
    for index in range(len(data)):
        sample = data[index]
        height, width, _ = load(sample.path).shape
        for one in sample.image.objects:
            mask = sample.image.mask(one)
            assert mask.shape == (height, width) if mask is not None else not masks
        count += len(sample.image.objects)
    return count


def read_unet(folder: Path) -> int:
    samples = UnetData.open(folder).samples("train")
    for sample in samples:
        assert sample.mask
        assert read_class_mask(sample.mask).shape == load(sample.path).shape[:2]
    return len(samples)


def read_segments(folder: Path) -> int:
    data = PanopticData.open(folder)
    for sample in data.samples:
        assert read_panoptic(sample.png).shape == load(sample.path).shape[:2]
    assert (data.segments.category_of < len(data.categories)).all()
    return len(data.segments.ids)


SETS: dict[tuple[str, str], tuple[Files, Callable[[Path], int]]] = {
    ("object_detection", "coco"): (coco(PICTURES), lambda folder: read_coco(folder, masks=False)),
    ("object_detection", "kitti"): (kitti(PICTURES), read_kitti),
    ("object_detection", "odvg"): (odvg(PICTURES), lambda folder: read_odvg(folder, masks=False)),
    ("segmentation", "default"): (coco(PICTURES, "polygons"), lambda folder: read_coco(folder, masks=True)),
    ("segmentation", "coco"): (coco(PICTURES, "rle"), lambda folder: read_coco(folder, masks=True)),
    ("segmentation", "odvg"): (
        odvg(PICTURES, grounded=True, masks="counts"),
        lambda folder: read_odvg(folder, masks=True),
    ),
    ("segmentation", "unet"): (unet(PICTURES, PICTURES[:1], PICTURES[1:2]), read_unet),
    ("segmentation", "coco_panoptic"): (panoptic(PICTURES), read_segments),
}


@pytest.mark.parametrize("seed", range(20))
@pytest.mark.parametrize("pair", SETS)
def test_what_passes_can_be_read_to_the_end(tmp_path, pair, seed):
    (dataset_type, dataset_format), (files, read) = pair, SETS[pair]
    report = look(tmp_path, dataset_type, dataset_format, damaged(files, seed), ["training"])
    assert report.model_dump_json()
    assert all(finding.remedy for finding in report.findings)
    if report.valid:
        assert read(tmp_path / "cache")


@pytest.mark.parametrize("pair", SETS)
def test_what_is_whole_has_no_finding(tmp_path, pair):
    (dataset_type, dataset_format), (files, read) = pair, SETS[pair]
    assert errors(look(tmp_path, dataset_type, dataset_format, files, ["training"])) == []
    assert read(tmp_path / "cache")
