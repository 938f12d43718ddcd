"""convert_efficientdet_tf2: a COCO dataset as the TFRecord files that its users' programs read."""

import io
import json
from typing import Any

import numpy as np
import pytest
from PIL import Image
from tests.training.boxes import COCO
from tests.training.jobs import Bench, Finished

from tunesmith.data.scenes import NAMES, compose, write_scenes
from tunesmith.data.tfrecords import decode_example, read_records
from tunesmith.protocol import Metrics
from tunesmith.specs import SpecError

SCENES = compose(5, digits=(3, 7), size=(96, 64))


@pytest.fixture(scope="module")
def convert(bench: Bench, tmp_path_factory: pytest.TempPathFactory):
    folder = tmp_path_factory.mktemp("to-convert")
    write_scenes(folder, SCENES, masks="rle")
    dataset = bench.dataset(folder, "to-convert", COCO)

    def run(**keys) -> Finished:
        specs = {f"dataset_convert.{name}": value for name, value in keys.items()}
        return bench.run("convert_efficientdet_tf2", specs, train_datasets=(dataset,))

    return run


def examples(job: Finished, tag: str) -> list[dict[str, Any]]:
    return [
        decode_example(record)
        for path in sorted(job.results.glob(f"{tag}-*.tfrecord"))
        for record in read_records(path)
    ]


def test_all_images_and_objects_are_written(convert):
    job = convert(tag="train", num_shards=2, include_masks=True)
    names = sorted(path.name for path in job.results.iterdir())
    assert names == ["train-00000-of-00002.tfrecord", "train-00001-of-00002.tfrecord"]
    found = {one["image/filename"][0].decode(): one for one in examples(job, "train")}
    assert len(found) == 5
    for scene in SCENES:
        (one,) = (value for name, value in found.items() if name.endswith(scene.name))
        assert (one["image/width"], one["image/height"]) == ([96], [64])
        picture = Image.open(io.BytesIO(one["image/encoded"][0]))
        np.testing.assert_array_equal(np.asarray(picture.convert("RGB")), scene.pixels)
        assert one["image/format"] == [(picture.format or "").lower().encode()]
        assert one["image/object/class/text"] == [drawn.name.encode() for drawn in scene.drawn]
        corners = [one[f"image/object/bbox/{side}"] for side in ("xmin", "ymin", "xmax", "ymax")]
        boxes = np.array(corners).T * [96, 64, 96, 64]
        np.testing.assert_allclose(boxes, [drawn.box for drawn in scene.drawn], atol=1e-3)
        for mask, drawn in zip(one["image/object/mask"], scene.drawn, strict=True):
            np.testing.assert_array_equal(np.asarray(Image.open(io.BytesIO(mask))) > 0, drawn.mask)
    digits = [one.digit for scene in SCENES for one in scene.drawn]
    counts = {NAMES[digit]: digits.count(digit) for digit in (3, 7)}
    assert job.outcome["objects"] == counts
    reported = [event for event in job.events if isinstance(event, Metrics)]
    assert reported[-1].per_category["num_objects"] == counts


def test_untouched_the_files_are_256_named_by_the_annotations(convert):
    job = convert()
    names = sorted(path.name for path in job.results.glob("*.tfrecord"))
    assert len(names) == 256
    assert names[-1] == "annotations-00255-of-00256.tfrecord"
    found = examples(job, "annotations")
    assert len(found) == 5
    assert "image/object/mask" not in found[0]


@pytest.mark.parametrize(
    ("keys", "rule"),
    [
        ({"tag": "../train"}, r"dataset_convert\.tag: must be the beginning of a file's name"),
        ({"num_shards": 0}, r"dataset_convert\.num_shards: must be from 1 to 99999"),
    ],
)
def test_what_cannot_be_written_is_refused(convert, keys, rule):
    with pytest.raises(SpecError, match=rule):
        convert(**keys)


def test_masks_are_refused_where_there_are_none(bench, tmp_path):
    write_scenes(tmp_path, SCENES, masks="rle")
    path = tmp_path / "annotations.json"
    whole = json.loads(path.read_text())
    for one in whole["annotations"][1:]:
        del one["segmentation"]
    path.write_text(json.dumps(whole))
    dataset = bench.dataset(tmp_path, "without-masks", COCO)
    specs = {"dataset_convert.include_masks": True}
    with pytest.raises(SpecError, match=r"include_masks: needs a mask of each object, and \d+ of them"):
        bench.run("convert_efficientdet_tf2", specs, train_datasets=(dataset,))
