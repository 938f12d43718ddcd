"""The order of the data: whole, repeatable, and the same whoever loads it."""

import os
import random
import signal

import numpy as np
import pytest
import torch

from tunesmith.data.errors import DatasetError
from tunesmith.training.engine.devices import seed_everything
from tunesmith.training.engine.loading import Again, Loader, Order
from tunesmith.training.engine.memory import is_out_of_memory


def draw():
    """A number of each generator that a source may use."""
    return float(torch.rand(1)), random.random(), float(np.random.rand())  # noqa: S311


class Numbers:
    """Batches of indices, each with a random number beside them."""

    def __init__(self, count, cheap=False, broken=None):
        self.count, self.cheap, self.broken = count, cheap, broken

    def __len__(self):
        return self.count

    def fetch(self, indices):
        if self.broken in indices:
            raise DatasetError(f"{self.broken}.png is truncated; replace or remove the file.")
        return list(indices), draw()


def loader(count=10, batch_size=3, workers=0, **order):
    return Loader(Numbers(count), Order(count, batch_size, **order), workers=workers)


def test_an_epoch_holds_each_sample_once():
    batches = [indices for indices, _ in loader(shuffle=True).epoch()]
    assert sorted(index for batch in batches for index in batch) == list(range(10))
    assert [len(batch) for batch in batches] == [3, 3, 3, 1]


def test_orders_differ_by_epoch_and_seed_and_repeat_by_both():
    one, other = loader(shuffle=True, seed=1), loader(shuffle=True, seed=2)
    assert list(one.epoch(1)) == list(one.epoch(1)) == list(loader(shuffle=True, seed=1).epoch(1))
    assert list(one.epoch(1)) != list(one.epoch(2))
    assert list(one.epoch(1)) != list(other.epoch(1))


def test_without_shuffling_the_order_is_natural_but_random_choices_differ():
    batches = list(loader().epoch(1))
    assert [indices for indices, _ in batches] == [[0, 1, 2], [3, 4, 5], [6, 7, 8], [9]]
    assert len({number for _, number in batches + list(loader().epoch(2))}) == 8


@pytest.mark.parametrize("start", [0, 1, 3, 4])
def test_an_epoch_is_taken_up_at_any_step(start):
    whole = list(loader(shuffle=True).epoch(2))
    assert list(loader(shuffle=True).epoch(2, start)) == whole[start:]


@pytest.mark.parametrize(("count", "size"), [(16, 2), (17, 2), (19, 3), (33, 4), (35, 4)])
def test_processes_share_the_steps_of_one_with_larger_batches(count, size):
    whole = Order(count, 4 * size, seed=5, shuffle=True, spare_single=True)
    parts = [
        Order(count, 4, seed=5, shuffle=True, spare_single=True, rank=rank, size=size) for rank in range(size)
    ]
    assert {len(part) for part in parts} == {len(whole)}
    for step, (pick, *shares) in enumerate(zip(whole, *parts, strict=True)):
        # The mean of the processes' means, as weighted, is the mean over all samples.
        means = [sum(share.indices) / len(share.indices) for share in shares]
        weighted = [part.weight(step) * mean for part, mean in zip(parts, means, strict=True)]
        assert sum(weighted) / size == pytest.approx(sum(pick.indices) / len(pick.indices))
        assert all(len(share.indices) >= 2 for share in shares)
        assert shares[0].seed == pick.seed
        assert len({share.seed for share in shares}) == size


def test_a_shortened_epoch_has_other_samples_each_time():
    order = Order(20, 4, seed=3, shuffle=True)
    order.shorten(8)
    assert len(order) == 2
    seen = []
    for epoch in range(1, 9):
        order.epoch = epoch
        seen.append([index for pick in order for index in pick.indices])
    assert all(len(set(one)) == 8 for one in seen)
    assert {index for one in seen for index in one} == set(range(20))
    order.shorten(100)
    assert len(order) == 5


def test_a_source_may_come_again_and_again():
    again = Again(Numbers(5), 3, 8)
    assert len(again) == 8
    assert again.fetch([0, 2, 3, 7])[0] == [0, 2, 0, 1]


def test_a_process_without_a_sample_in_the_last_step_takes_one_that_counts_nothing():
    order = Order(6, 2, rank=1, size=2)
    assert [pick.indices for pick in order] == [(1, 3), (5, 5)]
    assert [order.weight(step) for step in (0, 1)] == [1, 1]
    order = Order(5, 2, rank=1, size=2)
    assert [pick.indices for pick in order] == [(1, 3), (4, 4)]
    assert order.weight(1) == 0


def test_other_processes_load_the_very_same_batches():
    apart = loader(shuffle=True, workers=2)
    assert list(apart.epoch(1)) == list(loader(shuffle=True).epoch(1))
    assert list(apart.epoch(2, 1)) == list(loader(shuffle=True).epoch(2, 1))


@pytest.mark.parametrize("workers", [0, 1])
def test_loading_draws_nothing_from_the_trainings_generators(workers):
    seed_everything(5)
    expected = draw()
    seed_everything(5)
    list(loader(workers=workers).epoch())
    assert draw() == expected


@pytest.mark.parametrize("workers", [0, 1])
def test_an_error_of_the_data_arrives_as_it_is(workers):
    broken = Loader(Numbers(10, broken=4), Order(10, 3), workers=workers)
    with pytest.raises(DatasetError) as failed:
        list(broken.epoch())
    assert str(failed.value) == "4.png is truncated; replace or remove the file."


class Victim(Numbers):
    """Loses its process, as to a system that runs out of memory."""

    def fetch(self, indices):
        os.kill(os.getpid(), signal.SIGKILL)
        return super().fetch(indices)


def test_a_killed_loading_process_is_taken_for_a_lack_of_memory():
    with pytest.raises(RuntimeError) as failed:
        list(Loader(Victim(10), Order(10, 3), workers=1).epoch())
    assert is_out_of_memory(failed.value)
    assert not is_out_of_memory(RuntimeError("shapes cannot be multiplied"))


@pytest.mark.parametrize(("count", "steps"), [(10, 3), (9, 3), (11, 4), (1, 1)])
def test_a_last_batch_of_one_is_spared_unless_it_is_the_only_one(count, steps):
    order = Order(count, 3, spare_single=True)
    assert len(order) == len(list(order)) == steps


def test_batches_of_one_are_kept_where_they_are_asked_for():
    assert len(Order(5, 1, spare_single=True)) == 5


def test_a_sample_is_a_part_of_the_first_batch():
    (whole, _), *_ = loader(shuffle=True, seed=3).epoch(1)
    indices, _ = loader(shuffle=True, seed=3).sample(2)
    assert indices == whole[:2]
