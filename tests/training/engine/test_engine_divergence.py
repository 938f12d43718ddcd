"""A loss or a gradient that is not finite ends the training, by epoch and step."""

import pytest
import torch

from tunesmith.protocol import Cause
from tunesmith.training.engine.divergence import LossRecord
from tunesmith.training.failures import JobError


def record(losses, norms=None):
    found = LossRecord()
    for index, loss in enumerate(losses):
        norm = None if norms is None else torch.tensor(norms[index])
        found.add({"loss": torch.tensor(loss), "aux": torch.tensor(1.0)}, norm)
    return found


def test_means_do_not_depend_on_when_one_looks():
    losses = [0.1, 0.7, 1e-8, 3.3, 0.25]
    at_once, bit_by_bit = record(losses), LossRecord()
    at_once.look(1)
    for loss in losses:
        bit_by_bit.add({"loss": torch.tensor(loss), "aux": torch.tensor(1.0)}, None)
        bit_by_bit.look(1)
    assert at_once.means() == bit_by_bit.means()
    assert at_once.means()["loss"] == pytest.approx(sum(losses) / 5)
    assert at_once.means()["aux"] == 1.0


@pytest.mark.parametrize("value", [float("nan"), float("inf")])
def test_the_first_bad_step_is_named(value):
    with pytest.raises(JobError, match=rf"the loss is {value} in epoch 4, step 3\.") as failed:
        record([1.0, 1.0, value, value]).look(4)
    assert failed.value.cause is Cause.DIVERGED


def test_a_bad_gradient_is_named_before_it_shows_in_the_loss():
    with pytest.raises(JobError, match="the gradient is inf in epoch 1, step 2"):
        record([1.0, 1.0], norms=[0.5, float("inf")]).look(1)


def test_steps_count_on_after_a_restart():
    first = record([1.0, 1.0])
    first.look(1)
    second = LossRecord()
    second.load_state_dict(first.state_dict())
    second.add({"loss": torch.tensor(float("nan"))}, None)
    with pytest.raises(JobError, match="step 3"):
        second.look(1)


def test_an_epoch_begins_anew():
    found = record([5.0])
    found.look(1)
    found.reset()
    assert found.means() == {}
