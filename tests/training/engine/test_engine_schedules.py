"""Learning-rate schedules, held against torch's own."""

import itertools
import math

import pytest
import torch
from torch.optim.lr_scheduler import CosineAnnealingLR, LinearLR, MultiStepLR, PolynomialLR, StepLR

from tunesmith.training.engine.schedules import build_schedule, follow
from tunesmith.training.engine.settings import ScheduleSettings

EPOCHS, STEPS = 6, 5


def optimizer():
    return torch.optim.SGD([torch.nn.Parameter(torch.zeros(1))], lr=0.5)


def rates(schedule, steps=EPOCHS * STEPS):
    """The rate of each step."""
    found = []
    for _ in range(steps):
        found.append(schedule.get_last_lr()[0])
        schedule.optimizer.step()
        schedule.step()
    return found


def ours(policy, warmup_epochs=0, **parameters):
    settings = ScheduleSettings(policy, parameters, warmup_epochs)
    return rates(build_schedule(optimizer(), settings, EPOCHS, STEPS))


@pytest.mark.parametrize(
    ("policy", "reference"),
    [
        ("linear", lambda it: LinearLR(it, start_factor=1.0, end_factor=0.0, total_iters=EPOCHS * STEPS)),
        ("cosine", lambda it: CosineAnnealingLR(it, T_max=EPOCHS * STEPS)),
    ],
)
def test_smooth_policies_fall_step_by_step(policy, reference):
    assert ours(policy) == pytest.approx(rates(reference(optimizer())))


def test_a_line_may_be_bent_by_a_power():
    bent = PolynomialLR(optimizer(), total_iters=EPOCHS * STEPS, power=0.9)
    assert ours("linear", power=0.9) == pytest.approx(rates(bent))


@pytest.mark.parametrize(
    ("policy", "parameters", "reference"),
    [
        ("step", {"step_size": 2, "gamma": 0.3}, lambda it: StepLR(it, 2, 0.3)),
        ("multistep", {"milestones": [4, 1], "gamma": 0.5}, lambda it: MultiStepLR(it, [1, 4], 0.5)),
    ],
)
def test_stepped_policies_fall_at_the_ends_of_epochs(policy, parameters, reference):
    by_epoch = rates(reference(optimizer()), EPOCHS)
    assert ours(policy, **parameters) == pytest.approx([rate for rate in by_epoch for _ in range(STEPS)])


def test_the_warm_up_rises_evenly_to_the_full_rate():
    found = ours("cosine", warmup_epochs=2)
    rising = found[: 2 * STEPS + 1]
    assert rising == pytest.approx([0.5 * (step + 1) / (2 * STEPS + 1) for step in range(2 * STEPS + 1)])
    assert found[2 * STEPS] == 0.5
    middle = 2 * STEPS + (EPOCHS - 2) * STEPS // 2
    assert found[middle] == pytest.approx(0.25)  # half of the fall is over


def test_milestones_count_from_the_beginning_with_a_warm_up_too():
    found = ours("multistep", warmup_epochs=1, milestones=[2], gamma=0.1)
    assert found[2 * STEPS - 1] == 0.5
    assert found[2 * STEPS] == pytest.approx(0.05)


def test_a_warm_up_longer_than_the_training_only_rises():
    found = ours("linear", warmup_epochs=EPOCHS + 3)
    assert found == sorted(found)
    assert found[-1] < 0.5


def test_exponential_stays_until_an_epoch_is_over_and_ends_at_the_least():
    found = ours("exponential", begin=2, least=0.01)
    assert found[: 2 * STEPS + 1] == pytest.approx([0.5] * (2 * STEPS + 1))
    falling = found[2 * STEPS :]
    factors = [after / before for before, after in itertools.pairwise(falling)]
    assert factors == pytest.approx([0.01 ** (1 / (4 * STEPS))] * (4 * STEPS - 1))


def test_the_warm_up_may_begin_at_a_share_of_the_rate():
    settings = ScheduleSettings("cosine", {}, warmup_epochs=1, warmup_from=0.5)
    found = rates(build_schedule(optimizer(), settings, EPOCHS, STEPS))
    assert found[:STEPS] == pytest.approx([0.25 + 0.25 * (step + 1) / (STEPS + 1) for step in range(STEPS)])


@pytest.mark.parametrize(
    ("policy", "parameters", "message"),
    [
        ("step", {"step_size": 0}, "step_size must be a number above 0, got 0"),
        ("step", {"gamma": -1}, "gamma must be"),
        ("step", {"gamma": True}, "gamma must be"),
        ("multistep", {"milestones": ["soon"]}, "milestones must be"),
        ("wave", {}, "no policy 'wave'; there are linear, step, cosine, multistep, annealed and exponential"),
    ],
)
def test_unusable_parameters_are_named(policy, parameters, message):
    with pytest.raises(ValueError, match=message):
        ours(policy, **parameters)


def test_a_schedule_is_taken_up_where_it_was():
    first = build_schedule(optimizer(), ScheduleSettings("cosine"), EPOCHS, STEPS)
    rates(first, 7)
    second = build_schedule(optimizer(), ScheduleSettings("cosine"), EPOCHS, STEPS)
    second.load_state_dict(first.state_dict())
    second.optimizer.load_state_dict(first.optimizer.state_dict())
    assert rates(second, 5) == pytest.approx(rates(first, 5))
    assert math.isclose(first.get_last_lr()[0], second.get_last_lr()[0])


@pytest.mark.parametrize("policy", ["linear", "cosine", "step", "multistep"])
def test_a_schedule_of_another_length_goes_on_at_its_own_rate(policy):
    settings = ScheduleSettings(policy, {"step_size": 2, "milestones": [2, 4], "gamma": 0.3}, 1)
    first = build_schedule(optimizer(), settings, EPOCHS, STEPS)
    rates(first, 12)
    longer = build_schedule(optimizer(), settings, 2 * EPOCHS, STEPS)
    longer.optimizer.load_state_dict(first.optimizer.state_dict())
    longer.load_state_dict(first.state_dict())
    follow(longer)
    undisturbed = rates(build_schedule(optimizer(), settings, 2 * EPOCHS, STEPS), 2 * EPOCHS * STEPS)
    assert rates(longer, 2 * EPOCHS * STEPS - 12) == undisturbed[12:]
