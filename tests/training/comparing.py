"""Compares trainings bit by bit."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import torch

from tunesmith.protocol import EventTail, JobFolder, Metrics
from tunesmith.training.engine.checkpoints import load_checkpoint

Curves = dict[int, dict[str, float | None]]
"""All values measured, by epoch."""


def differences(one: Any, other: Any, path: str = "") -> Iterator[str]:
    """Where two states are not bit by bit the same."""
    match one:
        case torch.Tensor():
            if not torch.equal(one, other):
                yield path
        case dict():
            assert one.keys() == other.keys(), path
            for key, value in one.items():
                yield from differences(value, other[key], f"{path}.{key}")
        case list() | tuple():
            assert len(one) == len(other), path
            for index, value in enumerate(one):
                yield from differences(value, other[index], f"{path}.{index}")
        case _ if one != other:
            yield path


def checkpoints_in(folder: Path) -> dict[str, Any]:
    """The states in a results folder, by file name, without the number of loading processes."""
    found = {path.name: load_checkpoint(path) for path in folder.glob("*.pth")}
    for state in found.values():
        del state["spec"]["dataset"]["workers"]
    return found


def curves_in(folder: Path) -> Curves:
    """What a job has measured so far."""
    events = EventTail(JobFolder(folder)).read()
    curves: Curves = {}
    for event in events:
        if isinstance(event, Metrics) and event.epoch:
            curves[event.epoch] = curves.get(event.epoch, {}) | event.values
    return curves
