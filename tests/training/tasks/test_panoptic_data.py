"""Which segments are learnt and measured on, and how they become masks of the inputs' size."""

import json
from uuid import uuid4

import numpy as np
import pytest
import torch
from tests.training.jobs import Bench, nested, notes_of
from tests.training.masks import (
    INSTANCES,
    PANOPTIC,
    SIZE,
    SMALL_MASKS,
    scenes_of,
    write_instance_scenes,
    write_panoptic_scenes,
)

from tunesmith.data.errors import DatasetError
from tunesmith.data.scenes import archive, png, write_scenes
from tunesmith.networks.detection import Resize, ShortestSide
from tunesmith.networks.mask2former.model import settings
from tunesmith.networks.mask2former.spec import Mask2FormerSpec
from tunesmith.networks.panoptic import MaskerSettings
from tunesmith.specs import validate_spec
from tunesmith.training.failures import JobError
from tunesmith.training.tasks.image_format import ImageFormat
from tunesmith.training.tasks.panoptic.batches import Decoded, Inputs, MaskSource
from tunesmith.training.tasks.panoptic.datasets import Segments
from tunesmith.training.tasks.panoptic.samples import (
    MaskSample,
    images_to_predict,
    labelled_samples,
    training_samples,
)

FORM = ImageFormat(SIZE, SIZE, (0.5,) * 3, (0.5,) * 3)
PLAIN = Inputs(FORM, ShortestSide((SIZE,), SIZE), 32)


@pytest.fixture(scope="module")
def make(bench: Bench, tmp_path_factory: pytest.TempPathFactory):
    """Makes a dataset of scenes."""

    def build(count: int, kind: str = PANOPTIC, seed: int = 0):
        folder = tmp_path_factory.mktemp("source")
        write = write_panoptic_scenes if kind == PANOPTIC else write_instance_scenes
        write(folder, count, seed=seed)
        return bench.dataset(folder, f"masks-{uuid4().hex[:6]}", kind)

    return build


def asked(**keys) -> MaskerSettings:
    return settings(validate_spec(Mask2FormerSpec, nested(SMALL_MASKS | keys)))


def test_files_of_the_workspace_stand_for_a_datasets_own(bench, make):
    def keep_two(dataset, name: str) -> None:
        told = json.loads((dataset.source.store.path / name).read_text())
        kept = {one["id"] for one in told["images"][:2]}
        told["images"] = told["images"][:2]
        told["annotations"] = [one for one in told["annotations"] if one["image_id"] in kept]
        (bench.workspace.path / name).write_text(json.dumps(told))

    segments, instances = make(4), make(4, INSTANCES)
    keep_two(segments, "annotations_panoptic.json")
    keep_two(instances, "annotations.json")
    assert len(samples_of(bench, segments)) == len(samples_of(bench, instances)) == 4
    panoptic = {"dataset.train.panoptic_json": "annotations_panoptic.json"}
    assert len(samples_of(bench, segments, **panoptic)) == 2
    assert len(samples_of(bench, instances, **{"dataset.train.instance_json": "annotations.json"})) == 2
    labels = json.loads((segments.source.store.path / "label_map_panoptic.json").read_text())
    labels[0]["name"] = "another name"
    (bench.workspace.path / "labels.json").write_text(json.dumps(labels))
    run = bench.prepare("train", {}, network="mask2former", train_datasets=(segments,))
    renamed = training_samples(run, asked(**{"dataset.label_map": "labels.json"}), seed=0)
    assert "another name" in {one.name for one in renamed.entries}
    run = bench.prepare("inference", {}, network="mask2former", inference_dataset=segments)
    few = {"dataset.test.panoptic_json": "annotations_panoptic.json"}
    assert (len(images_to_predict(run, asked(**few))), len(images_to_predict(run, asked()))) == (2, 4)


def samples_of(bench: Bench, *datasets, **keys) -> list[MaskSample]:
    run = bench.prepare("train", {}, network="mask2former", train_datasets=datasets)
    found = training_samples(run, asked(**keys), seed=0)
    return sorted([*found.train, *found.validation], key=lambda one: one.name)


def test_all_training_datasets_are_learnt_from(bench, make):
    run = bench.prepare(
        "train",
        {},
        network="mask2former",
        train_datasets=(make(4), make(5, seed=1)),
        eval_dataset=make(3, seed=2),
    )
    found = training_samples(run, asked(), seed=0)
    assert (len(found.train), len(found.validation)) == (9, 3)
    assert found.classes == ("zero", "one", "ground")
    assert [one.is_thing for one in found.entries] == [True, True, False]
    assert notes_of(run) == []


def test_without_an_evaluation_dataset_a_tenth_is_held_out(bench, make):
    run = bench.prepare("train", {}, network="mask2former", train_datasets=(make(20),))
    found = training_samples(run, asked(), seed=0)
    assert (len(found.train), len(found.validation)) == (18, 2)
    assert any("held out" in note for note in notes_of(run))


def test_datasets_of_other_classes_are_refused(bench, make):
    run = bench.prepare("train", {}, network="mask2former", train_datasets=(make(4), make(4, INSTANCES)))
    with pytest.raises(DatasetError, match=r"has other classes \(2: zero, one\).*3: zero, one, ground"):
        training_samples(run, asked(), seed=0)


def test_a_job_without_data_says_so(bench):
    run = bench.prepare("train", {}, network="mask2former")
    with pytest.raises(JobError, match="no training dataset"):
        training_samples(run, asked(), seed=0)
    with pytest.raises(DatasetError, match="no images to evaluate on"):
        labelled_samples(run, asked(), ("zero",))
    with pytest.raises(DatasetError, match="no images to predict"):
        images_to_predict(run, asked())


def test_instances_without_masks_are_refused(bench, tmp_path):
    write_scenes(tmp_path, scenes_of(3))
    (tmp_path / "label_map.json").write_text(
        json.dumps([{"id": 1, "name": "zero"}, {"id": 2, "name": "one"}])
    )
    boxes = bench.dataset(tmp_path, "boxes-alone", INSTANCES)
    with pytest.raises(DatasetError, match=r"mask|segmentation"):
        samples_of(bench, boxes)


@pytest.mark.parametrize("kind", [PANOPTIC, INSTANCES])
def test_segments_are_the_silhouettes_that_were_drawn(bench, make, kind):
    for sample, scene in zip(samples_of(bench, make(4, kind)), scenes_of(4), strict=True):
        found = sample.segments()
        assert found
        things = found.labels < 2
        assert found.labels[things].tolist() == [one.digit for one in scene.drawn]
        for mask, one in zip(found.masks[things], scene.drawn, strict=True):
            assert (mask == one.mask).all()
        if kind == PANOPTIC:
            (ground,) = found.masks[~things]
            assert not (ground & found.masks[things].any(axis=0)).any()


def test_objects_of_a_panoptic_dataset_can_be_taken_alone(bench, make):
    dataset = make(4)
    for keys in ({"model.mode": "instance"}, {"dataset.train.type": "coco"}):
        samples = samples_of(bench, dataset, **keys)
        assert all(sample.source and len(sample.source.entries) == 2 for sample in samples)
        assert [len(sample.segments().labels) for sample in samples] == [  # type: ignore[union-attr]
            len(scene.drawn) for scene in scenes_of(4)
        ]


def test_an_input_has_the_masks_of_its_segments(bench, make):
    samples = samples_of(bench, make(4))
    batch = MaskSource(Decoded(samples), PLAIN).fetch([0, 1, 2, 3])
    assert batch.images.shape == (4, 3, SIZE, SIZE)
    for target, scene in zip(batch.targets(), scenes_of(4), strict=True):
        assert sorted(target["class_labels"].tolist()) == sorted([2, *(one.digit for one in scene.drawn)])
        assert bool((target["masks"].sum(dim=0) == 1).all()), "each pixel is in one segment"


def test_images_keep_their_proportions_and_are_filled_up(bench, make):
    samples = samples_of(bench, make(2))
    inputs = Inputs(FORM, Resize(40, 70, keep_aspect=True), 32)
    batch = MaskSource(Decoded(samples), inputs).fetch([0, 1])
    assert batch.images.shape == (2, 3, 64, 64)
    assert batch.sizes.tolist() == [[40, 40]] * 2
    assert not batch.images[:, :, 40:].any()
    assert not batch.masks[:, :, :, 40:].any()


def test_segments_of_a_class_are_one_mask_in_semantic_mode(bench, make):
    samples = samples_of(bench, make(4))
    merged = Inputs(FORM, PLAIN.sizing, 32, merged=True)
    for target in MaskSource(Decoded(samples), merged).fetch([0, 1, 2, 3]).targets():
        assert len(set(target["class_labels"].tolist())) == len(target["class_labels"])


def test_an_image_and_its_masks_move_together(tmp_path):
    """The image is white where its only object is."""
    mask = np.zeros((64, 96), np.bool_)
    mask[10:40, 20:70] = True
    segments = Segments(mask[None], np.array([0]), np.array([False]))
    decoded = Decoded([MaskSample(tmp_path / "a.png", "a.png", 1)])
    decoded._held = [(torch.from_numpy(mask * 255).to(torch.uint8).expand(3, -1, -1), segments)]
    inputs = Inputs(FORM, ShortestSide((48, 80), 200), 32, crop=(64, 64), varied=True)
    source = MaskSource(decoded, inputs)
    source._distort = torch.nn.Identity()
    torch.manual_seed(0)
    seen = set()
    for _ in range(12):
        batch = source.fetch([0])
        assert batch.images.shape == (1, 3, 64, 64)
        seen.add(tuple(batch.sizes[0].tolist()))
        if len(batch.targets()[0]["masks"]):
            bright = batch.images[0, 0] > 0
            assert (bright == batch.masks[0, 0]).float().mean() > 0.95
    assert len(seen) > 1, "sizes vary"


def test_what_is_held_is_the_same(bench, make):
    samples = samples_of(bench, make(3))
    decoded = Decoded(samples)
    before = MaskSource(decoded, PLAIN).fetch([2, 0])
    decoded.hold()
    after = MaskSource(decoded, PLAIN).fetch([2, 0])
    assert torch.equal(before.images, after.images)
    assert torch.equal(before.masks, after.masks)


def test_an_epoch_may_be_shorter_or_longer_than_the_data(bench, make):
    decoded = Decoded(samples_of(bench, make(6)))
    short = MaskSource(decoded, PLAIN, count=2)
    assert len(short) == 2
    torch.manual_seed(0)
    drawn = {tuple(short.fetch([0, 1]).indices.tolist()) for _ in range(30)}
    assert {one for pair in drawn for one in pair} == set(range(6))
    long = MaskSource(decoded, PLAIN, count=10)
    assert long.fetch([9]).indices.tolist() == [3]


def test_a_broken_image_is_left_out_where_that_is_allowed(bench, make, tmp_path):
    (tmp_path / "broken.png").write_bytes(b"no image")
    samples = [*samples_of(bench, make(2)), MaskSample(tmp_path / "broken.png", "broken.png", 3)]
    batch = MaskSource(Decoded(samples), PLAIN, tolerant=True).fetch([0, 2])
    assert batch.indices.tolist() == [0]
    assert "broken.png" in batch.faults[0][1]
    with pytest.raises(DatasetError, match=r"broken\.png"):
        MaskSource(Decoded(samples), PLAIN).fetch([2])


def test_raw_images_are_predicted(bench, tmp_path):
    images = {f"images/{name}": png(np.zeros((8, 8, 3), np.uint8)) for name in ("a/1.png", "b/1.png")}
    (tmp_path / "images.tar.gz").write_bytes(archive(images))
    raw = bench.dataset(tmp_path, "raw-panoptic", "segmentation raw")
    run = bench.prepare("inference", {}, network="mask2former", inference_dataset=raw)
    assert [one.name for one in images_to_predict(run, asked())] == ["a/1.png", "b/1.png"]
