"""Learning-rate schedules: each a factor of the learning rate, as a function of the step."""

import math
from bisect import bisect_right
from collections.abc import Callable

import torch
from torch.optim.lr_scheduler import LambdaLR

from tunesmith.training.engine.settings import ScheduleSettings

Factor = Callable[[int], float]


def build_schedule(
    optimizer: torch.optim.Optimizer, settings: ScheduleSettings, epochs: int, steps_per_epoch: int
) -> LambdaLR:
    """The schedule, to be stepped after each step of the optimiser.

    linear and cosine fall over all steps after the warm-up, to zero or to the least that is given; step and
    multistep fall at the ends of epochs, annealed at shares of the training, counted from the beginning;
    exponential stays until an epoch is over, and falls to the least by the same factor at each step from
    there on. During the warm-up the rate rises linearly, step by step.

    Raises:
        ValueError: there is no policy of that name, or a parameter of it is unusable.
    """
    return LambdaLR(optimizer, _warmed(settings, epochs, steps_per_epoch))


def follow(schedule: LambdaLR) -> None:
    """Set the rate of the next step to that of the schedule as it was built now.

    A training that is resumed with another length has a schedule of that length: it goes on with the rate
    that a training of that length has at this step.
    """
    factors = zip(schedule.base_lrs, schedule.lr_lambdas, strict=True)
    rates = [base * factor(schedule.last_epoch) for base, factor in factors]
    for group, rate in zip(schedule.optimizer.param_groups, rates, strict=True):
        group["lr"] = rate
    schedule._last_lr = rates  # noqa: SLF001 - torch has no other way to move within a schedule


def _warmed(settings: ScheduleSettings, epochs: int, steps_per_epoch: int) -> Factor:
    warmup = settings.warmup_epochs * steps_per_epoch
    warmup += round(settings.warmup_share * epochs * steps_per_epoch)
    warmup += settings.warmup_steps
    factor = _factor(settings, warmup, epochs * steps_per_epoch, steps_per_epoch)

    first = settings.warmup_from

    def at(step: int) -> float:
        rising = first + (1 - first) * (step + 1) / (warmup + 1)
        return (rising if step < warmup else factor(step)) / (1 + settings.decay * step)

    return at


def _factor(settings: ScheduleSettings, warmup: int, total: int, steps_per_epoch: int) -> Factor:
    falling = max(1, total - warmup)
    gamma = _positive("gamma", settings.parameters.get("gamma", 0.1))
    match settings.policy:
        case "linear":
            power = _positive("power", settings.parameters.get("power", 1.0))
            return lambda step: max(0.0, 1.0 - (step - warmup) / falling) ** power
        case "cosine":
            least = float(settings.parameters.get("least", 0.0))
            waves = math.pi * _positive("waves", settings.parameters.get("waves", 1.0))
            return lambda step: max(
                least, 0.5 * (1.0 + math.cos(waves * min(1.0, (step - warmup) / falling)))
            )
        case "step":
            size = _positive("step_size", settings.parameters.get("step_size", 30))
            return lambda step: gamma ** ((step // steps_per_epoch) // size)
        case "multistep":
            milestones = _milestones(settings.parameters.get("milestones", (10, 20)))
            return lambda step: gamma ** bisect_right(milestones, step // steps_per_epoch)
        case "annealed":
            points = _milestones(settings.parameters.get("milestones", (0.5,)))
            least = float(settings.parameters.get("least", 0.0))
            return lambda step: max(least, gamma ** bisect_right(points, step / total))
        case "exponential":
            begin = max(warmup, round(settings.parameters.get("begin", 0) * steps_per_epoch))
            least = _positive("least", settings.parameters.get("least", 1e-3))
            span = max(1, total - begin)
            return lambda step: least ** min(1.0, max(0, step - begin) / span)
        case policy:
            raise ValueError(
                f"there is no policy {policy!r}; there are linear, step, cosine, multistep, annealed and "
                "exponential"
            )


def _milestones(value: object) -> list[float]:
    listed = value if isinstance(value, list | tuple) else [value]
    return sorted(_positive("milestones", epoch) for epoch in listed)


def _positive(name: str, value: object) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float) or value <= 0:
        raise ValueError(f"{name} must be a number above 0, got {value!r}")
    return value
