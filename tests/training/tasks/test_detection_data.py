"""What a detector learns from: images as they are, boxes where they belong, datasets that agree."""

import io
import json
from collections import Counter
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image
from tests.training.boxes import COCO
from tests.training.jobs import Bench
from torchvision.transforms.v2.functional import rgb_to_grayscale

from tunesmith.data.errors import DatasetError
from tunesmith.data.scenes import archive, compose, write_scenes
from tunesmith.networks.detection import Inputs, Resize, ShortestSide
from tunesmith.training.failures import JobError
from tunesmith.training.run import Run
from tunesmith.training.tasks.detection.batches import DetectionSource, Images, inputs_size
from tunesmith.training.tasks.detection.samples import (
    balanced,
    images_to_predict,
    labelled_samples,
    training_samples,
)
from tunesmith.training.tasks.detection.settings import inputs_as
from tunesmith.training.tasks.image_format import ImageFormat

PLAIN = Inputs(training=(Resize(64, 96),), evaluation=Resize(64, 96))


@pytest.fixture
def own(tmp_path) -> Bench:
    return Bench(tmp_path)


def job(own: Bench, *train, **request) -> Run:
    return own.prepare("train", {}, network="rtdetr", train_datasets=train, **request)


def dataset(own: Bench, name: str, images: dict[str, bytes], annotations: dict[str, Any], kind: str = COCO):
    folder = own.root / f"source-{name}"
    folder.mkdir()
    (folder / "images.tar.gz").write_bytes(archive({f"images/{key}": data for key, data in images.items()}))
    if annotations:
        (folder / "annotations.json").write_text(json.dumps(annotations))
    return own.dataset(folder, name, kind)


def scenes(own: Bench, name: str, count: int = 6, seed: int = 0, **how):
    folder = own.root / f"source-{name}"
    write_scenes(folder, compose(count, size=(96, 64), seed=seed, digits=(0, 1), **how))
    return own.dataset(folder, name, COCO)


def annotated(boxes, names=("cat", "dog"), ids=(3, 17), size=(96, 64), **extra) -> dict[str, Any]:
    listed = [{"id": number + 1, **one, **extra} for number, one in enumerate(boxes)]
    return {
        "images": [{"id": 1, "file_name": "a.png", "width": size[0], "height": size[1]}],
        "categories": [{"id": own, "name": name} for own, name in zip(ids, names, strict=True)],
        "annotations": listed,
    }


def box(left, top, width, height, category=3, crowd=0) -> dict[str, Any]:
    return {"image_id": 1, "category_id": category, "bbox": [left, top, width, height], "iscrowd": crowd}


def picture(size=(96, 64), mode="RGB", **save) -> bytes:
    pixels = np.random.default_rng(0).integers(0, 255, (size[1], size[0], 3), dtype=np.uint8)
    buffer = io.BytesIO()
    Image.fromarray(pixels).convert(mode).save(buffer, "PNG" if not save else "JPEG", **save)
    return buffer.getvalue()


def batch_of(run: Run, inputs: Inputs = PLAIN, **how):
    samples = training_samples(run, 0).train
    return DetectionSource(Images(samples), inputs, **how).fetch(range(len(samples)))


def test_ids_with_gaps_become_labels_and_crowds_are_not_learnt(own):
    boxes = [box(0, 0, 24, 16, 17), box(48, 32, 48, 32, 3), box(10, 10, 20, 20, 3, crowd=1)]
    run = job(own, dataset(own, "gaps", {"a.png": picture()}, annotated(boxes)))
    assert training_samples(run, 0).classes == ("cat", "dog")
    batch = batch_of(run)
    (target,) = batch.targets()
    assert target["class_labels"].tolist() == [1, 0]
    torch.testing.assert_close(
        target["boxes"], torch.tensor([[0.125, 0.125, 0.25, 0.25], [0.75, 0.75, 0.5, 0.5]])
    )


def test_an_image_without_boxes_is_learnt_from_too(own):
    empty = annotated([box(0, 0, 9, 9)])
    empty["images"].append({"id": 2, "file_name": "b.png", "width": 96, "height": 64})
    run = job(own, dataset(own, "empty", {"a.png": picture(), "b.png": picture()}, empty))
    samples = training_samples(run, 0)
    assert len(samples.train) + len(samples.validation) == 2
    source = DetectionSource(Images([*samples.train, *samples.validation]), PLAIN)
    assert sorted(len(target["boxes"]) for target in source.fetch([0, 1]).targets()) == [0, 1]


def test_all_datasets_are_learnt_from_if_they_name_the_same_classes(own):
    one, two = scenes(own, "one", 6), scenes(own, "two", 4, seed=1)
    chosen = training_samples(job(own, one, two, eval_dataset=scenes(own, "val", 3, split="val")), 0)
    assert (len(chosen.train), len(chosen.validation)) == (10, 3)
    other = dataset(own, "other", {"a.png": picture()}, annotated([box(0, 0, 9, 9)]))
    with pytest.raises(DatasetError, match=r"other has other categories \(2: cat, dog\) than the training"):
        training_samples(job(own, one, other), 0)


def test_a_tenth_is_held_out_where_there_is_nothing_to_validate_on(own):
    data = scenes(own, "only", 20)
    first, again, other = (training_samples(job(own, data), seed) for seed in (0, 0, 1))
    assert (len(first.train), len(first.validation)) == (18, 2)
    names = [[sample.name for sample in one.validation] for one in (first, again, other)]
    assert names[0] == names[1] != names[2]
    same = training_samples(job(own, data, eval_dataset=data), 0)
    assert not {one.name for one in same.train} & {one.name for one in same.validation}


def test_what_cannot_be_learnt_from_is_refused(own):
    with pytest.raises(JobError, match="no training dataset"):
        training_samples(job(own), 0)
    raw = dataset(own, "raw", {"a.png": picture()}, {}, "object_detection raw")
    with pytest.raises(DatasetError, match="raw has the format raw, which holds no boxes"):
        training_samples(job(own, raw), 0)
    with pytest.raises(DatasetError, match="no images to evaluate on"):
        labelled_samples(job(own, inference_dataset=raw), ("cat", "dog"))
    bare = dataset(own, "bare", {"a.png": picture()}, annotated([]))
    with pytest.raises(DatasetError, match="has no annotation that can be used"):
        training_samples(job(own, bare), 0)


def test_raw_images_are_predicted_without_annotations(own):
    raw = dataset(own, "raw", {"b/a.png": picture(), "c.png": picture()}, {}, "object_detection raw")
    found = images_to_predict(job(own, inference_dataset=raw))
    assert [sample.name.removeprefix("images/") for sample in found] == ["b/a.png", "c.png"]
    assert all(len(sample.objects().labels) == 0 for sample in found)


@pytest.mark.parametrize("mode", ["L", "RGBA", "P", "I;16"])
def test_images_of_every_kind_have_three_channels(own, mode):
    if mode == "I;16":
        deep = np.random.default_rng(0).integers(0, 65535, (64, 96)).astype(np.uint16)
        buffer = io.BytesIO()
        Image.fromarray(deep).save(buffer, "PNG")
        data = buffer.getvalue()
    else:
        data = picture(mode=mode)
    run = job(own, dataset(own, mode.replace(";", ""), {"a.png": data}, annotated([box(0, 0, 9, 9)])))
    images = batch_of(run).images
    assert images.shape == (1, 3, 64, 96)
    assert 0 <= images.min() < images.max() <= 1


def test_boxes_belong_to_the_upright_image(own):
    exif = Image.Exif()
    exif[0x0112] = 6  # stored lying on its side: 96 x 64 becomes 64 x 96
    annotations = annotated([box(32, 48, 32, 48)], size=(64, 96))
    annotations["images"][0]["file_name"] = "a.jpg"
    run = job(own, dataset(own, "turned", {"a.jpg": picture(exif=exif)}, annotations))
    batch = batch_of(run)
    assert batch.frames.tolist() == [[64, 96]]
    torch.testing.assert_close(batch.targets()[0]["boxes"], torch.tensor([[0.75, 0.75, 0.5, 0.5]]))


@pytest.mark.parametrize("held", [True, False])
def test_memory_holds_what_the_files_hold(own, held):
    samples = training_samples(job(own, scenes(own, "some", 6)), 0).train
    images = Images(samples)
    if held:
        images.hold()
        for sample in samples:
            sample.path.unlink()
    batch = DetectionSource(images, PLAIN).fetch([2, 0])
    assert batch.images.shape == (2, 3, 64, 96)
    assert batch.indices.tolist() == [2, 0]


def test_unreadable_images_are_named_or_left_out(own):
    samples = training_samples(job(own, scenes(own, "some", 4)), 0).train
    samples[1].path.write_bytes(b"no image")
    with pytest.raises(DatasetError, match=samples[1].path.name):
        DetectionSource(Images(samples), PLAIN).fetch([0, 1])
    batch = DetectionSource(Images(samples), PLAIN, tolerant=True).fetch([0, 1, 2])
    assert batch.indices.tolist() == [0, 2]
    assert [index for index, _ in batch.faults] == [1]
    none = DetectionSource(Images(samples), PLAIN, tolerant=True).fetch([1])
    assert none.images.shape == (0, 3, 64, 96)


def test_an_image_that_keeps_its_aspect_is_filled_up_and_boxes_lead_back(own):
    run = job(own, dataset(own, "wide", {"a.png": picture()}, annotated([box(48, 32, 48, 32)])))
    inputs = Inputs(training=(Resize(96, 96, True),), evaluation=Resize(96, 96, True))
    batch = batch_of(run, inputs)
    assert batch.images.shape == (1, 3, 96, 96)
    assert batch.images[0, :, 64:].abs().sum() == 0
    assert batch.frames.tolist() == [[96, 96]]
    torch.testing.assert_close(batch.targets()[0]["boxes"], torch.tensor([[0.75, 0.5, 0.5, 1 / 3]]))


def test_a_graph_of_grey_images_of_its_own_size_is_given_such(own):
    run = job(own, scenes(own, "some", 2))
    asked = inputs_as(PLAIN, ImageFormat(32, 48, (0.5,), (0.25,)))
    colour = batch_of(run, inputs_as(PLAIN, ImageFormat(32, 48, PLAIN.mean, PLAIN.std))).images
    grey = (rgb_to_grayscale(colour) - 0.5) / 0.25
    torch.testing.assert_close(batch_of(run, asked).images, grey, atol=0.03, rtol=0)  # whole grey values


def test_what_was_filled_up_can_be_marked(own):
    run = job(own, scenes(own, "some", 4))
    inputs = Inputs(
        training=(),
        evaluation=ShortestSide((32,), 64),
        padded=(64, 64),
        marks_padding=True,
        mean=(0.5, 0.5, 0.5),
        std=(0.25, 0.25, 0.25),
    )
    batch = batch_of(run, inputs)
    assert batch.images.shape == (3, 4, 64, 64)
    marks = batch.images[:, 3]
    assert marks[:, :32, :48].sum() == 0
    assert marks[:, 32:].min() == marks[:, :, 48:].min() == 1
    assert inputs_size(inputs, 96, 64) == (64, 64)


def test_a_training_batch_takes_one_of_the_sides(own):
    run = job(own, scenes(own, "some", 4))
    inputs = Inputs(training=(Resize(64, 64),), evaluation=Resize(64, 64), sides=(32, 96))
    shapes = set()
    for seed in range(8):
        torch.manual_seed(seed)
        shapes.add(tuple(batch_of(run, inputs, varied=True).images.shape[-2:]))
    assert shapes == {(32, 32), (96, 96)}
    assert batch_of(run, inputs).images.shape[-2:] == (64, 64)


def test_a_seed_gives_the_same_batch(own):
    run = job(own, scenes(own, "some", 4))
    first, second = (varied(run, seed) for seed in (1, 1))
    assert torch.equal(first, second)


def varied(run: Run, seed: int) -> torch.Tensor:
    torch.manual_seed(seed)
    return batch_of(run, varied=True).images


def test_scenes_are_what_they_were(own):
    drawn = compose(1, size=(96, 64), digits=(0, 1))[0]
    expected = torch.from_numpy(drawn.pixels.copy()).permute(2, 0, 1).float() / 255
    torch.testing.assert_close(batch_of(job(own, scenes(own, "one", 1))).images[0], expected)


def test_small_datasets_are_learnt_from_as_often_as_large_ones(own):
    run = job(own, scenes(own, "large", 6), scenes(own, "small", 2, seed=1))
    found = balanced(training_samples(run, 0).train)
    counts = Counter(sample.source.name for sample in found if sample.source)
    assert counts["large"] == counts["small"] == max(counts.values())
    assert len({sample.path for sample in found}) < len(found)
