"""Averaged weights follow the definition, and are taken up where they were."""

import pytest
import torch
from torch import nn

from tunesmith.training.engine.ema import AveragedWeights


def net():
    torch.manual_seed(0)
    return nn.Sequential(nn.Linear(3, 3), nn.BatchNorm1d(3))


def step(model):
    with torch.no_grad():
        model[0].weight.add_(1.0)
        model(torch.randn(4, 3))


def test_the_average_is_the_one_by_hand():
    model = net()
    averaged = AveragedWeights(model, decay=0.5)
    by_hand = model[0].weight.detach().clone()
    for number in range(1, 30):
        step(model)
        averaged.update()
        kept = min(0.5, (1 + number) / (10 + number))
        by_hand = kept * by_hand + (1 - kept) * model[0].weight
    assert torch.allclose(averaged.model.get_parameter("0.weight"), by_hand, atol=1e-5)
    # 28 steps of 1 behind a window of two: about one step behind.
    assert float(
        (model[0].weight - averaged.model.get_parameter("0.weight")).detach().mean()
    ) == pytest.approx(1.0, abs=0.01)


def test_running_statistics_are_averaged_and_counters_copied():
    model = net()
    averaged = AveragedWeights(model, decay=0.9)
    step(model)
    averaged.update()
    assert averaged.model.get_buffer("1.num_batches_tracked") == model[1].num_batches_tracked == 1
    assert not torch.equal(averaged.model.get_buffer("1.running_mean"), torch.zeros(3))
    assert not torch.equal(averaged.model.get_buffer("1.running_mean"), model[1].running_mean)


def test_the_original_is_not_touched_and_the_copy_does_not_learn():
    model = net()
    before = model[0].weight.clone()
    averaged = AveragedWeights(model, decay=0.9)
    averaged.update()
    assert torch.equal(model[0].weight, before)
    assert not any(parameter.requires_grad for parameter in averaged.model.parameters())
    assert not averaged.model.training


def test_a_mask_of_minus_infinity_stays_one():
    model = net()
    model.register_buffer("mask", torch.tensor([0.0, -torch.inf]))
    averaged = AveragedWeights(model, decay=0.9)
    averaged.update()
    assert averaged.model.get_buffer("mask").tolist() == [0.0, -torch.inf]


def test_it_goes_on_where_it_was_saved():
    model = net()
    first = AveragedWeights(model, decay=0.9)
    for _ in range(3):
        step(model)
        first.update()
    second = AveragedWeights(model, decay=0.9)
    second.load_state_dict(first.state_dict())
    step(model)
    first.update()
    second.update()
    assert torch.equal(first.model.get_parameter("0.weight"), second.model.get_parameter("0.weight"))
