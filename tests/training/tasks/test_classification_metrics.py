"""Metrics, held against figures worked out by hand and against torchmetrics."""

import pytest
import torch
from torch.nn.functional import cross_entropy
from torchmetrics.functional.classification import multiclass_accuracy, multiclass_f1_score

from tunesmith.training.tasks.classification.images import ImageBatch
from tunesmith.training.tasks.classification.metrics import ClassificationMeter, ClassScores

CLASSES = ("cat", "dog", "owl")


def batch(labels):
    return ImageBatch(torch.empty(len(labels), 0), torch.tensor(labels), torch.arange(len(labels)))


def test_figures_by_hand():
    # cat -> cat, cat -> dog, dog -> dog; no owl is shown, and none is seen.
    logits = torch.tensor([[3.0, 1.0, 0.0], [1.0, 3.0, 0.0], [0.0, 3.0, 1.0]])
    meter = ClassificationMeter(CLASSES, [1, 2], 0.0)
    meter.update(logits, batch([0, 0, 1]))
    measured = meter.compute()
    assert measured.values["acc_1"] == pytest.approx(2 / 3)
    assert measured.values["acc_2"] == 1.0
    assert measured.per_category == {"accuracy": {"cat": 0.5, "dog": 1.0}}
    scores = meter.scores()
    assert scores.precision == pytest.approx((1.0, 0.5, 0.0))
    assert scores.f1 == pytest.approx((2 / 3, 2 / 3, 0.0))
    assert scores.support == (2, 1, 0)
    assert meter.confusion.tolist() == [[1, 1, 0], [0, 1, 0], [0, 0, 0]]


@pytest.mark.parametrize("smoothing", [0.0, 0.1])
def test_batches_add_up_to_the_whole(smoothing):
    torch.manual_seed(0)
    logits, labels = torch.randn(50, 8), torch.randint(0, 8, (50,))
    meter = ClassificationMeter([str(number) for number in range(8)], [1, 5], smoothing)
    for part in torch.arange(50).split(7):
        meter.update(logits[part], batch(labels[part].tolist()))
    values = meter.compute().values
    assert values["loss"] == pytest.approx(
        float(cross_entropy(logits, labels, label_smoothing=smoothing)), abs=1e-5
    )
    for k in (1, 5):
        expected = multiclass_accuracy(logits, labels, 8, average="micro", top_k=k)
        assert values[f"acc_{k}"] == pytest.approx(float(expected))
    by_class = multiclass_f1_score(logits, labels, 8, average="none")
    assert meter.scores().f1 == pytest.approx(tuple(by_class.tolist()))


def test_a_k_beyond_the_classes_finds_everything():
    meter = ClassificationMeter(CLASSES, [1, 5], 0.0)
    meter.update(torch.randn(4, 3), batch([0, 1, 2, 0]))
    assert meter.compute().values["acc_5"] == 1.0


def test_scores_of_nothing_are_zero():
    scores = ClassScores.of(torch.zeros(3, 3, dtype=torch.int64))
    assert scores.accuracy == scores.precision == scores.f1 == (0.0, 0.0, 0.0)
