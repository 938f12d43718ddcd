"""From masks and classes of queries to segments, objects, classes of pixels, and their metrics."""

from pathlib import Path
from typing import Any, cast

import numpy as np
import pytest
import torch
from torch import Tensor

from tunesmith.networks.layers.masker import Entry, MaskPredictions
from tunesmith.networks.panoptic import Merging, Mode
from tunesmith.training.tasks.panoptic.batches import MaskBatch
from tunesmith.training.tasks.panoptic.datasets import Annotated, Listed, Segments
from tunesmith.training.tasks.panoptic.merging import (
    NOTHING,
    classes_of,
    enlarged,
    objects_of,
    queries,
    segments_of,
)
from tunesmith.training.tasks.panoptic.metrics import Classes, MaskMeter
from tunesmith.training.tasks.panoptic.samples import MaskSample

SIDE = 16
NAMES = ("cat", "dog", "sky")
THINGS = torch.tensor([True, True, False])
MERGING = Merging(threshold=0.4, overlap=0.5, most=10)
LEFT, RIGHT = np.s_[:, : SIDE // 2], np.s_[:, SIDE // 2 :]


def inside(part) -> Tensor:
    """Logits of a mask that covers a part of the image."""
    mask = torch.full((SIDE, SIDE), -10.0)
    mask[part] = 10.0
    return mask


def predictions(*found: tuple[int, Any], share: float = 0.9) -> MaskPredictions:
    """Queries by class and part; class 3 is nothing."""
    logits = torch.full((1, len(found), 4), (1 - share) / 3)
    for row, (label, _) in enumerate(found):
        logits[0, row, label] = share
    return MaskPredictions(logits.log(), torch.stack([inside(part) for _, part in found])[None])


def only(found: MaskPredictions):
    shape = torch.tensor([[SIDE, SIDE]])
    (query,) = queries(found, (SIDE, SIDE), shape, shape)
    return query


def test_each_pixel_goes_to_the_surest_mask():
    found = segments_of(only(predictions((0, LEFT), (2, np.s_[:]), (3, RIGHT))), MERGING, THINGS)
    assert sorted(found.labels) == [0, 2]
    classes = found.classes()
    assert set(classes.unique().tolist()) == {0, 2}
    assert bool((classes[RIGHT] == 2).all())


def test_unsure_masks_and_those_that_are_hidden_are_left_out():
    unsure = predictions((0, LEFT), share=0.3)
    assert segments_of(only(unsure), MERGING, THINGS).labels == []
    assert bool((segments_of(only(unsure), MERGING, THINGS).classes() == NOTHING).all())
    hidden = predictions((0, np.s_[:]), (1, np.s_[:]))
    assert len(segments_of(only(hidden), MERGING, THINGS).labels) == 1
    most = Merging(0.4, 0.5, most=1)
    assert len(segments_of(only(predictions((0, LEFT), (1, RIGHT))), most, THINGS).labels) == 1


def test_parts_of_a_ground_are_one_segment_and_objects_stay_apart():
    ground = segments_of(only(predictions((2, LEFT), (2, RIGHT))), MERGING, THINGS)
    assert ground.labels == [2]
    assert bool((ground.places == 1).all())
    objects = segments_of(only(predictions((0, LEFT), (0, RIGHT))), MERGING, THINGS)
    assert objects.labels == [0, 0]
    assert objects.places.unique().tolist() == [1, 2]


def test_objects_are_sorted_by_confidence_and_of_things_alone():
    found = objects_of(only(predictions((0, LEFT), (2, RIGHT))), 10, THINGS)
    assert found.labels[0] == 0
    assert found.scores[0] == pytest.approx(0.9, abs=0.01)
    assert 2 not in found.labels.tolist()
    assert found.scores.tolist() == sorted(found.scores.tolist(), reverse=True)
    assert len(found.surer(0.5).scores) == 1


def test_classes_of_pixels_need_no_threshold():
    found = classes_of(only(predictions((0, LEFT), (2, RIGHT), share=0.35)))
    assert bool((found[LEFT] == 0).all())
    assert bool((found[RIGHT] == 2).all())


def test_what_was_filled_up_is_cut_off_before_masks_are_enlarged():
    found = predictions((0, np.s_[:8]))
    (query,) = queries(found, (32, 32), torch.tensor([[16, 32]]), torch.tensor([[8, 20]]))
    assert query.inside.shape == (1, 8, 20)
    assert bool((query.inside > 0.5).all()), "the lower half was no image"
    (large,) = queries(found, (32, 32), torch.tensor([[16, 32]]), torch.tensor([[4000, 8000]]))
    assert large.inside.shape == (1, 16, 32), "at the size of the input"
    assert enlarged(torch.eye(2, dtype=torch.int64), (4, 6)).sum() == 12


class Known(Annotated):
    """One image, whose segments are given."""

    def __init__(self, segments: Segments, *, covers: bool) -> None:
        entries = tuple(Entry(i, name, bool(THINGS[i]), (0, 0, 0)) for i, name in enumerate(NAMES))
        super().__init__("known", entries, covers=covers)
        self._segments = segments

    def images(self) -> list[Listed]:
        return []

    def segments(self, place: int) -> Segments:  # noqa: ARG002 - there is one
        return self._segments


def two(*_: object, **__: object) -> dict[str, Tensor]:
    """A loss of 2, whatever is found."""
    return {"loss": torch.tensor(2.0)}


def segments(*found: tuple[int, Any], crowd: bool = False) -> Segments:
    masks = np.stack([(inside(part) > 0).numpy() for _, part in found])
    return Segments(masks, np.array([label for label, _ in found]), np.array([crowd] * len(found)))


def measured(truth: Segments, found: MaskPredictions, mode: Mode = "panoptic", *, covers: bool = False):
    sample = MaskSample(Path("a.png"), "a.png", 1, (SIDE, SIDE), Known(truth, covers=covers))
    meter = MaskMeter([sample], Classes(NAMES, THINGS, mode, MERGING), two)
    batch = MaskBatch(
        torch.zeros(1, 3, SIDE, SIDE),
        torch.from_numpy(truth.masks)[None],
        torch.from_numpy(truth.labels)[None],
        torch.tensor([[SIDE, SIDE]]),
        torch.tensor([0]),
    )
    meter.update(found, batch)
    return meter.compute()


def test_perfect_predictions_score_one():
    found = measured(segments((0, LEFT), (2, RIGHT)), predictions((0, LEFT), (2, RIGHT)))
    expected = {"mAcc": 1, "acc": 1, "PQ": 1, "SQ": 1, "RQ": 1, "mAP": 1, "mAP50": 1, "mAP75": 1, "loss": 2}
    assert found.values == pytest.approx(expected, abs=1e-6)
    assert found.named()["mIoU"] == 1
    assert found.per_category["PQ"] == {"cat": 1.0, "sky": 1.0}
    assert found.per_category["AP"] == pytest.approx({"cat": 1.0})


def test_a_half_missed_object_scores_what_it_must():
    truth = segments((0, np.s_[:, :8]), (2, np.s_[:, 8:]))
    found = measured(truth, predictions((0, np.s_[:, :6]), (2, np.s_[:, 6:])))
    assert found.bare["mIoU"] == pytest.approx((6 / 8 + 8 / 10) / 2)
    assert found.per_category["PQ"] == pytest.approx({"cat": 6 / 8, "sky": 8 / 10})
    assert found.values["mAP50"] == pytest.approx(1)
    assert found.values["mAP75"] == pytest.approx(1)
    assert found.values["mAP"] == pytest.approx(0.6), "IoU of 0.75 counts at six of ten thresholds"


def test_what_nobody_knows_does_not_count_and_what_is_known_to_be_nothing_does():
    truth, found = segments((0, LEFT)), predictions((0, LEFT), (1, RIGHT))
    unknown = measured(truth, found)
    assert unknown.bare["mIoU"] == 1
    assert unknown.per_category["PQ"] == {"cat": 1.0}
    known = measured(truth, found, covers=True)
    assert known.bare["mIoU"] == pytest.approx(0.5), "a dog where there is nothing"
    assert known.per_category["PQ"] == {"cat": 1.0, "dog": 0.0}


def test_crowds_are_neither_found_nor_missed():
    found = measured(segments((0, LEFT), crowd=True), predictions((3, LEFT)))
    assert found.per_category["PQ"] == {}
    assert found.values["mAP"] == 0


@pytest.mark.parametrize(
    ("mode", "names"),
    [
        ("semantic", {"loss", "mAcc", "acc"}),
        ("instance", {"loss", "mAcc", "acc", "mAP", "mAP50", "mAP75"}),
    ],
)
def test_each_mode_has_its_metrics(mode, names):
    truth, found = segments((0, LEFT)), predictions((0, LEFT))
    assert measured(truth, found, cast("Mode", mode)).values.keys() == names


def test_nothing_found_scores_nothing():
    found = measured(segments((0, LEFT)), predictions((3, LEFT), share=0.99), covers=True)
    assert found.bare["mIoU"] == 0
    assert found.values["PQ"] == 0
