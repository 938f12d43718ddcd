"""Metrics of segmentation, against what is counted by hand and by torchmetrics."""

import pytest
import torch
from torchmetrics.functional.segmentation import mean_iou

from tunesmith.training.tasks.segmentation.images import SegmentBatch
from tunesmith.training.tasks.segmentation.metrics import SegmentationMeter


def batch(masks) -> SegmentBatch:
    masks = torch.as_tensor(masks)
    return SegmentBatch(torch.zeros(len(masks), 3, *masks.shape[1:]), masks, torch.arange(len(masks)))


def logits_for(classes, count: int = 3):
    return torch.nn.functional.one_hot(torch.as_tensor(classes), count).permute(0, 3, 1, 2) * 20.0


def measured(predicted, masks, classes=("a", "b", "c")):
    meter = SegmentationMeter(classes)
    meter.update(logits_for(predicted, len(classes)), batch(masks))
    return meter.compute()


def test_scores_are_those_counted_by_hand():
    found = measured([[[0, 0, 1, 1], [0, 1, 1, 1]]], [[[0, 0, 0, 1], [0, 1, 1, 255]]])
    assert found.values["acc"] == pytest.approx(6 / 7)
    assert found.values["miou"] == pytest.approx((3 / 4 + 3 / 4) / 2)
    assert found.values["mAcc"] == pytest.approx((3 / 4 + 3 / 3) / 2)
    assert found.per_category["iou"] == {"a": 0.75, "b": 0.75}, "c was neither there nor predicted"


def test_a_class_that_is_predicted_in_vain_counts():
    found = measured([[[0, 2]]], [[[0, 0]]])
    assert found.values["miou"] == pytest.approx((1 / 2 + 0) / 2)
    assert found.values["mAcc"] == pytest.approx(1 / 2)


def test_mean_iou_is_that_of_torchmetrics():
    generator = torch.Generator().manual_seed(0)
    predicted = torch.randint(0, 3, (4, 16, 16), generator=generator)
    masks = torch.randint(0, 3, (4, 16, 16), generator=generator)
    # The scores of one image, since those of torchmetrics are means over images.
    expected = mean_iou(predicted.view(1, -1), masks.view(1, -1), num_classes=3, input_format="index")
    assert measured(predicted, masks).values["miou"] == pytest.approx(float(expected))


def test_small_logits_are_enlarged_and_loss_is_the_mean_over_known_pixels():
    meter = SegmentationMeter(("a", "b"))
    meter.update(torch.zeros(1, 2, 2, 2), batch(torch.full((1, 8, 8), 1)))
    meter.update(torch.zeros(1, 2, 2, 2), batch(torch.full((1, 8, 8), 255)))
    assert meter.compute().values["loss"] == pytest.approx(0.6931, abs=1e-3)
    assert int(meter.confusion.sum()) == 64


def test_masks_that_know_nothing_do_no_harm():
    assert measured([[[0]]], [[[255]]]).values == {"loss": 0.0, "miou": 0.0, "mAcc": 0.0, "acc": 0.0}
