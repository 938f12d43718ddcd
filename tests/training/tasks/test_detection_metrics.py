"""COCO's metrics of detections whose quality is known beforehand."""

import math
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest
import torch

from tunesmith.networks.detection import Kept, Suppression
from tunesmith.networks.layers.detector import Predictions
from tunesmith.specs import SpecError
from tunesmith.training.tasks.detection.annotations import DetectionSample, Objects
from tunesmith.training.tasks.detection.batches import DetectionBatch
from tunesmith.training.tasks.detection.detections import found_in
from tunesmith.training.tasks.detection.drawing import colours_of
from tunesmith.training.tasks.detection.metrics import MOST, DetectionMeter
from tunesmith.training.tasks.detection.predictions import file_names, kitti_lines

SIDE = 100
CLASSES = ("cat", "dog", "owl")


@dataclass(frozen=True)
class Known(DetectionSample):
    """A sample with objects given."""

    known: Objects | None = None

    def objects(self) -> Objects:
        assert self.known is not None
        return self.known


def image(*boxes, crowd=()) -> Known:
    """Each box is left, top, right, bottom, label."""
    rows = np.array(boxes, np.float64).reshape(-1, 5)
    marks = np.array([place in crowd for place in range(len(rows))], np.bool_)
    areas = (rows[:, 2] - rows[:, 0]) * (rows[:, 3] - rows[:, 1])
    objects = Objects(rows[:, :4], rows[:, 4].astype(np.int64), marks, areas)
    return Known(Path("a.png"), "a.png", 1, known=objects)


def predicted(*images) -> Predictions:
    """For each image a list of left, top, right, bottom, label, score."""
    most = max(1, *(len(one) for one in images))
    logits, boxes = (
        torch.full((len(images), most, len(CLASSES)), -20.0),
        torch.full((len(images), most, 4), 0.5),
    )
    for row, found in enumerate(images):
        for place, (left, top, right, bottom, label, score) in enumerate(found):
            corners = torch.tensor([left + right, top + bottom, 2 * (right - left), 2 * (bottom - top)])
            boxes[row, place] = corners / (2 * SIDE)
            logits[row, place, label] = torch.logit(torch.tensor(score))
    return Predictions(logits, boxes)


def batch(count: int) -> DetectionBatch:
    frames = torch.full((count, 2), float(SIDE))
    empty = torch.zeros(count, 1, 4), torch.full((count, 1), -1)
    return DetectionBatch(torch.zeros(count, 3, 8, 8), *empty, frames, torch.arange(count))


def measured(samples, found, **how) -> DetectionMeter:
    meter = DetectionMeter(samples, CLASSES, lambda *_: {"loss": torch.tensor(2.0)}, **how)
    meter.update(found, batch(len(samples)))
    return meter


def values(meter: DetectionMeter) -> dict[str, float]:
    return meter.compute().values


def test_perfect_detections_score_one():
    samples = [image((10, 10, 60, 60, 0), (70, 70, 90, 90, 1)), image((0, 0, 50, 80, 2))]
    found = predicted([(10, 10, 60, 60, 0, 0.9), (70, 70, 90, 90, 1, 0.8)], [(0, 0, 50, 80, 2, 0.7)])
    meter = measured(samples, found)
    assert values(meter)["mAP50"] == values(meter)["mAP"] == pytest.approx(1.0)
    assert values(meter)["loss"] == pytest.approx(2.0)
    assert meter.compute().per_category["AP50"] == pytest.approx(dict.fromkeys(CLASSES, 1.0))


def test_a_box_that_is_a_little_off_counts_at_low_overlap_alone():
    # 50 x 50 against 50 x 41 inside of it: an IoU of 0.82.
    meter = measured([image((10, 10, 60, 60, 0))], predicted([(10, 10, 60, 51, 0, 0.9)]))
    assert values(meter)["mAP50"] == pytest.approx(1.0)
    assert values(meter)["mAP"] == pytest.approx(0.7)


def test_the_wrong_class_is_no_detection():
    found = predicted([(10, 10, 60, 60, 1, 0.9)])
    meter = measured([image((10, 10, 60, 60, 0))], found, kept=Kept(MOST, 0.01))
    assert values(meter)["mAP50"] == 0
    assert "dog" not in meter.compute().per_category["AP50"], "no dog is there"


def test_a_second_box_on_an_object_costs_precision_where_it_is_surer_than_another_object():
    samples = [image((10, 10, 60, 60, 0)), image((10, 10, 60, 60, 0))]
    found = predicted([(10, 10, 60, 60, 0, 0.9), (11, 11, 60, 60, 0, 0.8)], [(10, 10, 60, 60, 0, 0.7)])
    assert values(measured(samples, found))["mAP50"] == pytest.approx((51 + 50 * 2 / 3) / 101, abs=1e-3)


def test_crowds_are_neither_to_be_found_nor_missed():
    with_crowd = [image((10, 10, 40, 40, 0), (50, 50, 100, 100, 0), crowd=(1,))]
    missed = measured(with_crowd, predicted([(10, 10, 40, 40, 0, 0.9)]))
    assert values(missed)["mAP50"] == pytest.approx(1.0)
    # Boxes inside of the crowd are surer than the object, and still no mistakes.
    several = [(55, 55, 70, 70, 0, 0.95), (70, 70, 95, 95, 0, 0.94), (10, 10, 40, 40, 0, 0.9)]
    assert values(measured(with_crowd, predicted(several)))["mAP50"] == pytest.approx(1.0)
    assert missed.scores().objects["cat"] == 1


def test_a_threshold_leaves_out_what_is_unsure():
    samples, found = [image((10, 10, 60, 60, 0))], predicted([(10, 10, 60, 60, 0, 0.3)])
    assert values(measured(samples, found, kept=Kept(MOST, 0.2)))["mAP50"] == pytest.approx(1.0)
    assert values(measured(samples, found, kept=Kept(MOST, 0.4)))["mAP50"] == 0


def test_some_classes_alone_can_be_looked_at():
    samples = [image((10, 10, 60, 60, 0), (70, 70, 90, 90, 1))]
    found = predicted([(10, 10, 60, 60, 0, 0.9)])
    assert values(measured(samples, found))["mAP50"] == pytest.approx(0.5)
    cats = measured(samples, found, evaluated=[0])
    assert values(cats)["mAP50"] == pytest.approx(1.0)
    assert set(cats.compute().per_category["AP"]) == {"cat"}


@pytest.mark.parametrize(("samples", "found"), [([image()], [[]]), ([image((1, 1, 9, 9, 0))], [[]])])
def test_nothing_found_and_nothing_there_are_zero(samples, found):
    meter = measured(samples, predicted(*found), kept=Kept(MOST, 0.5))
    assert values(meter)["mAP50"] == 0


def test_curves_are_those_of_the_classes():
    samples = [image((10, 10, 60, 60, 0)), image((10, 10, 60, 60, 0))]
    found = predicted([(10, 10, 60, 60, 0, 0.9)], [])
    precision = measured(samples, found).scores().precision
    assert precision.shape == (101, 3)
    assert precision[50, 0] == 1
    assert precision[51, 0] == 0


def test_detections_are_the_surest_in_pixels_of_the_image():
    found = predicted([(-20, 10, 60, 60, 0, 0.9), (10, 10, 30, 30, 1, 0.4), (10, 10, 30, 30, 2, 0.6)])
    (one,) = found_in(found, batch(1), torch.tensor([[SIDE, SIDE]]), Kept(2))
    assert one.scores.tolist() == pytest.approx([0.9, 0.6])
    assert one.labels.tolist() == [0, 2]
    assert one.boxes[0].tolist() == pytest.approx([0, 10, 60, 60])
    (sure,) = found_in(found, batch(1), torch.tensor([[SIDE, SIDE]]), Kept(2, 0.7))
    assert len(sure) == 1


OVERLAPPING = [(10, 10, 60, 60, 0, 0.9), (12, 10, 62, 60, 0, 0.8), (12, 10, 62, 60, 1, 0.7)]


def found_once(**rule):
    whole = predicted([*OVERLAPPING, (70, 70, 90, 90, 0, 0.6)])
    kept = Kept(4, suppression=Suppression(**({"sigma": 0.5, "candidates": 12} | rule)))
    (one,) = found_in(whole, batch(1), torch.tensor([[SIDE, SIDE]]), kept)
    return one.labels.tolist(), one.scores.tolist()


def test_what_overlaps_a_surer_box_of_its_class_is_dropped():
    assert found_once(sigma=0.0)[1][:3] == pytest.approx([0.9, 0.7, 0.6])


def test_what_overlaps_a_surer_box_of_its_class_becomes_less_sure():
    labels, scores = found_once()
    overlap = 48 / 52
    assert labels == [0, 1, 0, 0]
    assert scores == pytest.approx([0.9, 0.7, 0.6, 0.8 * math.exp(-(overlap**2) / 0.5)], abs=1e-3)


@pytest.mark.parametrize("sigma", [0.0, 0.5])
def test_what_lies_outside_the_image_is_left_out(sigma):
    found = predicted([(10, 10, 60, 60, 0, 0.5), (-40, 10, -20, 60, 0, 0.9), (-40, 20, -20, 60, 0, 0.8)])
    kept = Kept(4, 0.1, Suppression(sigma, 12))
    (one,) = found_in(found, batch(1), torch.tensor([[SIDE, SIDE]]), kept)
    assert one.scores.tolist() == pytest.approx([0.5])


def test_suppression_looks_at_the_surest_candidates_alone():
    assert found_once(sigma=0.0, candidates=3)[1] == pytest.approx([0.9, 0.7])


def test_figures_may_have_their_published_names():
    meter = measured([image((10, 10, 60, 60, 0))], predicted(OVERLAPPING[:1]), names={"mAP50": "AP50"})
    named = meter.compute().named()
    assert named["AP50"] == pytest.approx(1.0)
    assert "val_mAP" in named
    assert "val_mAP50" not in named


def test_labels_have_sixteen_columns():
    (one,) = found_in(predicted([(10, 20, 60, 70, 1, 0.75)]), batch(1), torch.tensor([[SIDE, SIDE]]), Kept(1))
    columns = kitti_lines(one, ["cat", "big dog", "owl"]).split()
    assert len(columns) == 16
    assert columns[0] == "big_dog"
    assert [float(column) for column in columns[4:8]] == [10, 20, 60, 70]
    assert float(columns[-1]) == 0.75


def test_files_have_names_of_their_own():
    names = ["a/x.png", "b/x.png", "a/y.jpg", "a/y.png"]
    assert file_names(names, folders=True) == ["a/x", "b/x", "a/y.jpg", "a/y.png"]
    flat = file_names(names, folders=False)
    assert len(set(flat)) == 4
    assert not any("/" in name for name in flat)


def test_colours_are_the_users_or_all_different():
    assert len(set(colours_of(CLASSES, None).values())) == 3
    own = colours_of(CLASSES, {"cat": "red", "dog": "#00ff00", "owl": [1, 2, 3]})
    assert own == {"cat": (255, 0, 0), "dog": (0, 255, 0), "owl": (1, 2, 3)}
    with pytest.raises(SpecError, match=r"color_map.cow: must name a class.*color_map.cat: must be a colour"):
        colours_of(CLASSES, {"cow": "red", "cat": "no colour"})
