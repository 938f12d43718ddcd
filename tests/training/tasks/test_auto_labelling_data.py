"""Objects cut out of their images, and masks put back; the losses of mal."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from tests.training.jobs import Bench, nested
from tests.training.objects import BOXES, write_objects

from tunesmith.data.errors import DatasetError
from tunesmith.networks.mal.losses import affinities, crf_losses, mean_field, mil_losses
from tunesmith.networks.mal.spec import MalSpec
from tunesmith.specs import validate_spec
from tunesmith.training.tasks.auto_labelling.crops import CropSource, rasterise
from tunesmith.training.tasks.auto_labelling.masks import largest_part, mask_in_image, threshold_of
from tunesmith.training.tasks.auto_labelling.samples import (
    AnnotationFiles,
    Instance,
    masked_objects,
    objects_to_label,
    open_annotated,
    training_samples,
)
from tunesmith.training.tasks.auto_labelling.settings import MEAN, STD, annotation_files
from tunesmith.training.tasks.image_format import ImageFormat

SIDE = 256
FORM = ImageFormat(SIDE, SIDE, MEAN, STD)


@pytest.fixture(scope="module")
def dataset(bench: Bench, tmp_path_factory: pytest.TempPathFactory):
    folder = tmp_path_factory.mktemp("cut")
    write_objects(folder, 12, masks=True)
    return bench.dataset(folder, "cut", BOXES)


@pytest.fixture(scope="module")
def objects(bench: Bench, dataset) -> list[Instance]:
    run = bench.prepare("train", {}, network="mal", train_datasets=(dataset,))
    opened = open_annotated(run, dataset, masks=True)
    return [one for image in opened.images() for one in image.objects()]


def test_a_mask_comes_back_from_its_crop(objects):
    batch = CropSource(objects, FORM, [0.6, 0.6], masks=True).fetch(range(len(objects)))
    for place, sample in enumerate(objects):
        probabilities, region = batch.masks[place].float(), batch.regions[place].tolist()
        true = sample.mask()
        back = mask_in_image(probabilities, region, sample.box, true.shape, 0.5)
        assert (back & true).sum() / (back | true).sum() > 0.9
        left, top, right, bottom = sample.box
        assert region[2] - region[0] == pytest.approx(1.6 * (right - left), abs=2)
        assert region[3] - region[1] == pytest.approx(1.6 * (bottom - top), abs=2)


def test_boxes_are_where_the_masks_are(objects):
    batch = CropSource(objects, FORM, [0.0, 1.2], masks=True, varied=True).fetch(range(len(objects)))
    inside = rasterise(batch.boxes, SIDE, SIDE, SIDE) > 0
    share = (batch.masks & inside).flatten(1).sum(1) / batch.masks.flatten(1).sum(1)
    assert float(share.min()) > 0.97
    sizes = {tuple((region[2:] - region[:2]).tolist()) for region in batch.regions}
    assert len(sizes) > len(objects) / 2, "margins are drawn at random"


def test_what_lies_beyond_an_image_has_the_mean_colour(objects):
    batch = CropSource(objects, FORM, [3.0, 3.0]).fetch(range(len(objects)))
    outside = batch.crops[batch.regions[:, 0] < 0][:, :, SIDE // 2, 0]
    assert len(outside)
    assert float(outside.abs().max()) < 0.02, "the mean is nothing once normalised"


def test_boxes_of_other_sizes_are_not_learnt_from(bench, dataset, objects):
    run = bench.prepare("train", {}, network="mal", train_datasets=(dataset,))
    areas = sorted((one.box[2] - one.box[0]) * (one.box[3] - one.box[1]) for one in objects)
    middle = areas[len(areas) // 2]
    small = training_samples(run, 0, (0, middle), masks=False).train
    large = training_samples(run, 0, (middle + 0.1, 1e9), masks=False).train
    assert len(small) + len(large) == len(objects)
    with pytest.raises(DatasetError, match=r"dataset\.min_obj_size"):
        training_samples(run, 0, (1e8, 1e9), masks=False)


def test_a_tenth_of_the_images_is_held_out_if_there_are_masks(bench, dataset, tmp_path: Path):
    run = bench.prepare("train", {}, network="mal", train_datasets=(dataset,))
    found = training_samples(run, 0, (0, 1e9), masks=True)
    assert {one.path for one in found.train}.isdisjoint(one.path for one in found.validation)
    assert all(one.mask().any() for one in found.validation)
    write_objects(tmp_path, 12, masks=False)
    bare = bench.dataset(tmp_path, "bare boxes", BOXES)
    run = bench.prepare("train", {}, network="mal", train_datasets=(bare,))
    assert training_samples(run, 0, (0, 1e9), masks=True).validation == []


def test_a_file_of_the_workspace_stands_for_a_datasets_annotations(bench, dataset):
    told = json.loads((dataset.source.store.path / "annotations.json").read_text())
    kept = {one["id"] for one in told["images"][:3]}
    few = {
        **told,
        "images": [one for one in told["images"] if one["id"] in kept],
        "annotations": [one for one in told["annotations"] if one["image_id"] in kept],
    }
    (bench.workspace.path / "few.json").write_text(json.dumps(few))

    def found(action: str, path: str, **request: Any) -> list[Instance]:
        spec = validate_spec(MalSpec, nested({path: "few.json", "dataset.min_obj_size": 0.0}))
        files = annotation_files(spec)
        run = bench.prepare(action, {}, network="mal", **request)
        match action:
            case "train":
                return training_samples(run, 0, (0, 1e9), masks=False, files=files).train
            case "evaluate":
                return masked_objects(run, files)
            case _:
                return objects_to_label(run, masks=False, files=files)[1]

    count = len(few["annotations"])
    assert 0 < count < len(told["annotations"])
    assert len(found("train", "dataset.train_ann_path", train_datasets=(dataset,))) == count
    assert len(found("evaluate", "dataset.val_ann_path", eval_dataset=dataset)) == count
    assert len(found("inference", "inference.ann_path", inference_dataset=dataset)) == count
    assert len(found("inference", "dataset.val_ann_path", inference_dataset=dataset)) > count
    assert annotation_files(MalSpec()) == AnnotationFiles()


def test_thresholds_may_differ_by_size():
    assert threshold_of((0, 0, 10, 10), [0.1, 0.2, 0.3]) == 0.1
    assert threshold_of((0, 0, 50, 50), [0.1, 0.2, 0.3]) == 0.2
    assert threshold_of((0, 0, 100, 100), [0.1, 0.2, 0.3]) == 0.3
    assert threshold_of((0, 0, 100, 100), [0.5]) == 0.5


def test_the_largest_part_of_a_mask_is_kept():
    mask = np.zeros((8, 8), np.bool_)
    mask[1:3, 1:3] = mask[5, 5] = True
    assert largest_part(mask).sum() == 4
    assert not largest_part(np.zeros((4, 4), np.bool_)).any()


def test_rows_and_columns_hold_a_mask_to_its_box():
    inside = torch.zeros(1, 8, 8)
    inside[:, 2:6, 3:7] = 1
    diagonal = torch.zeros(1, 8, 8)
    diagonal[0, range(2, 6), range(3, 7)] = 1
    outside = torch.zeros(1, 8, 8)
    outside[:, 0, 0] = 1
    assert float(mil_losses(inside, inside)) == pytest.approx(0, abs=1e-5)
    assert float(mil_losses(diagonal, inside)) == pytest.approx(0, abs=1e-5)
    assert float(mil_losses(outside, inside)) > 0.9


def test_neighbours_of_one_colour_agree():
    """A bright square on a dark ground, with single pixels of which the contrary is thought."""
    image, inside = torch.zeros(1, 3, 12, 12), torch.zeros(1, 12, 12)
    image[:, :, 3:9, 3:9] = 1
    inside[:, 1:11, 1:11] = 1
    guess = torch.full((1, 12, 12), 0.2)
    guess[:, 3:9, 3:9] = 0.8
    guess[:, 5, 5] = 0.3
    guess[:, 10, 10] = 0.7
    alike = affinities(image, 3, 0.1)
    found = mean_field(guess, inside, alike, 3, 50)
    assert float(found[:, 3:9, 3:9].min()) > 0.9
    ground = found.clone()
    ground[:, 3:9, 3:9] = 0
    assert float(ground.max()) < 0.1
    assert float(crf_losses(image[:, 0], found, 0.9, 0.1)) == pytest.approx(0, abs=1e-5)
    assert float(crf_losses(1 - image[:, 0], found, 0.9, 0.1)) > 0.9
