"""Feeds a training with batches in an order that can be taken up again at any step.

Every batch is loaded under a seed of its own, drawn from the training's seed, the epoch and the step. So a
batch is the same whichever process loads it, and a training that was stopped goes on as if it was not.
"""

import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Generic, Protocol, TypeVar, cast

import numpy as np
import torch
from torch.utils.data import DataLoader, Dataset, Sampler

from tunesmith.training.engine.generators import seeded

BatchT = TypeVar("BatchT")
BatchT_co = TypeVar("BatchT_co", covariant=True)


class Source(Protocol[BatchT_co]):
    """Samples, fetched a batch at a time. Random choices are drawn from the generators of torch, NumPy and
    Python, which are seeded for each batch.
    """

    @property
    def cheap(self) -> bool:
        """Whether fetching costs less than passing a batch from one process to another."""
        ...

    def __len__(self) -> int: ...

    def fetch(self, indices: Sequence[int]) -> BatchT_co:
        """The batch of these samples."""
        ...


class Some(Generic[BatchT]):
    """A source of at most `most` samples of another one, picked at random but always the same."""

    def __init__(self, source: Source[BatchT], most: int) -> None:
        self._source = source
        order = np.random.default_rng(0).permutation(len(source))
        self._picked = sorted(order[:most].tolist())

    @property
    def cheap(self) -> bool:
        """As the other source is."""
        return self._source.cheap

    def __len__(self) -> int:
        return len(self._picked)

    def fetch(self, indices: Sequence[int]) -> BatchT:
        """The batch of these samples."""
        return self._source.fetch([self._picked[index] for index in indices])


class Again(Generic[BatchT]):
    """A source of `count` samples: the first `whole` of another one, again and again."""

    def __init__(self, source: Source[BatchT], whole: int, count: int) -> None:
        self._source, self._whole, self._count = source, whole, count

    @property
    def cheap(self) -> bool:
        """As the other source is."""
        return self._source.cheap

    def __len__(self) -> int:
        return self._count

    def fetch(self, indices: Sequence[int]) -> BatchT:
        """The batch of these samples."""
        return self._source.fetch([index % self._whole for index in indices])


@dataclass(frozen=True)
class Pick:
    """Which samples make a batch, and the seed of its random choices."""

    indices: tuple[int, ...]
    seed: int


class Order(Sampler[Pick]):
    """The batches of an epoch.

    Attributes:
        epoch: the epoch whose order is given, counted from 1.
        start: how many of its batches are left out because they are done.
    """

    def __init__(
        self,
        count: int,
        batch_size: int,
        *,
        seed: int = 0,
        shuffle: bool = False,
        spare_single: bool = False,
        rank: int = 0,
        size: int = 1,
    ) -> None:
        """Args:
        count: how many samples there are.
        batch_size: samples that each process takes a step; in the last step there may be fewer.
        seed: of the order and of the batches.
        shuffle: whether the order is random.
        spare_single: leave out a last step of one sample, from which batch normalisation cannot learn.
        rank: of this process among those that train together.
        size: how many these are. Their samples of a step are those of one process with larger batches.
        """
        self.epoch, self.start = 1, 0
        self._all, self._batch_size, self._seed, self._shuffle = count, batch_size, seed, shuffle
        self._spare_single = spare_single
        self._rank, self._size = rank, size
        self._together = batch_size * size
        self.shorten(count)

    def shorten(self, count: int) -> None:
        """Give an epoch so many samples at most. If there are more, each epoch has others."""
        self._count = count = min(count, self._all)
        self._steps = -(-count // self._together)
        if self._spare_single and self._steps > 1 and count % self._together == 1:
            self._steps -= 1

    def __len__(self) -> int:
        return self._steps

    def __iter__(self) -> Iterator[Pick]:
        order = self._order()
        for step in range(self.start, self._steps):
            chosen = order[step * self._together : (step + 1) * self._together]
            yield Pick(self._mine(chosen), _mixed(self._seed, self.epoch, step + 1, *self._stream))

    def weight(self, step: int) -> float:
        """What this process's loss counts in a step (from 0), so that the mean over all processes is that
        over all samples: 1, but in a last step that does not divide.
        """
        together = min(self._together, self._count - step * self._together)
        mine = len(range(self._rank, together, self._size))
        return self._size * mine / together

    def _mine(self, chosen: list[int]) -> tuple[int, ...]:
        """This process's samples of a step. It must have some, and batch normalisation wants two: where the
        samples do not suffice they are repeated, and the weight is that of those there were.
        """
        mine = chosen[self._rank :: self._size] or chosen[:1]
        least = min(2, self._batch_size) if self._size > 1 else 1
        return tuple(mine * least if len(mine) < least else mine)

    @property
    def _stream(self) -> tuple[int, ...]:
        """Each process draws other random numbers for its samples; the first those of one alone."""
        return (self._rank,) if self._rank else ()

    def _order(self) -> list[int]:
        if not self._shuffle:
            return list(range(self._count))
        generator = torch.Generator().manual_seed(_mixed(self._seed, self.epoch, 0))
        return cast("list[int]", torch.randperm(self._all, generator=generator).tolist()[: self._count])


def _mixed(*numbers: int) -> int:
    return int(np.random.SeedSequence(numbers).generate_state(1)[0])


class _Seeded(Dataset[Any]):
    """Fetches a batch under its seed, without touching the generators of the training."""

    def __init__(self, source: Source[Any]) -> None:
        self._source = source

    def __getitem__(self, pick: Pick) -> Any:
        with seeded(pick.seed):
            try:
                return self._source.fetch(pick.indices)
            except Exception as error:  # noqa: BLE001 - a loading process's edge: it travels as it is
                return _Fault(error)


@dataclass(frozen=True)
class _Fault:
    """An error on its way out of a loading process, which torch would bury in the text of another one."""

    error: Exception


class Loader(Generic[BatchT]):
    """Loads the batches of a source, in other processes if that pays."""

    def __init__(
        self,
        source: Source[BatchT],
        order: Order,
        *,
        workers: int = 0,
        pin_memory: bool = False,
        prefetch: int = 2,
    ) -> None:
        self._source, self._order = source, order
        processes = 0 if source.cheap else workers
        self._batches = DataLoader(
            _Seeded(source),
            batch_size=None,
            sampler=order,
            num_workers=processes,
            collate_fn=_as_it_is,
            persistent_workers=processes > 0,
            prefetch_factor=prefetch if processes else None,
            pin_memory=pin_memory,
            # A fork shares the images in memory; elsewhere a fork is not safe.
            multiprocessing_context="fork" if processes and sys.platform == "linux" else None,
            # Without one, each epoch would draw a number from the training's own generator.
            generator=torch.Generator(),
        )

    def __len__(self) -> int:
        return len(self._order)

    def sample(self, count: int) -> BatchT:
        """The first samples of the first epoch, at most a batch of them, loaded in this process."""
        self._order.epoch, self._order.start = 1, 0
        pick = next(iter(self._order))
        batch = _Seeded(self._source)[Pick(pick.indices[:count], pick.seed)]
        if isinstance(batch, _Fault):
            raise batch.error
        return cast("BatchT", batch)

    def weight(self, step: int) -> float:
        """What the loss of this process counts in a step of an epoch, from 0."""
        return self._order.weight(step)

    def epoch(self, epoch: int = 1, start: int = 0) -> Iterator[BatchT]:
        """The batches of an epoch, counted from 1, without the first `start`."""
        self._order.epoch, self._order.start = epoch, start
        for batch in self._batches:
            if isinstance(batch, _Fault):
                raise batch.error
            yield batch


def _as_it_is(batch: Any) -> Any:
    return batch
