"""Keeps what is measured on apart from what is learnt from."""

from collections.abc import Sequence
from pathlib import Path
from typing import Protocol, TypeVar

import numpy as np

from tunesmith.training.run import Run

HELD_OUT = 0.1


class OnFile(Protocol):
    """A sample whose image is a file."""

    @property
    def path(self) -> Path:
        """The image."""
        ...


SampleT = TypeVar("SampleT", bound=OnFile)


def hold_out(run: Run, samples: list[SampleT], seed: int) -> tuple[list[SampleT], list[SampleT]]:
    """A tenth of the samples, chosen by the seed, is taken away for validation; none if there is one sample.

    Returns:
        The samples to learn from, and those to validate on.
    """
    if len(samples) < 2:
        return samples, []
    count = max(1, round(len(samples) * HELD_OUT))
    chosen = set(np.random.default_rng(seed).permutation(len(samples))[:count].tolist())
    run.note(
        f"There is no evaluation dataset: {count} of {len(samples)} training images, chosen by the seed, "
        "are held out for validation."
    )
    kept = [sample for index, sample in enumerate(samples) if index not in chosen]
    return kept, [sample for index, sample in enumerate(samples) if index in chosen]


def overlap(some: Sequence[OnFile], others: Sequence[OnFile]) -> bool:
    """Whether two lists have a file in common: one archive may serve several uses."""
    return not {sample.path for sample in some}.isdisjoint(sample.path for sample in others)
