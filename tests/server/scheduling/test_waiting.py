"""What a look at the queue costs and finds, however many jobs wait."""

from typing import Any

import pytest
from tests.statements import statements

from tunesmith.server.scheduling.executors.base import Slot
from tunesmith.server.scheduling.slots import SlotPool
from tunesmith.server.scheduling.waiting import Queue


def look(house: Any, queue: Queue, pool: SlotPool) -> tuple[list[Any], int]:
    with statements(house.database) as seen, house.database.read() as session:
        found = queue.due(session, pool.copy())
    return found, len(seen)


@pytest.fixture
def pool() -> SlotPool:
    return SlotPool(1, 1, 0)


def test_a_look_at_many_waiting_jobs_takes_as_many_statements_as_one_at_few(house, pool):
    def wait_for_a_dataset_and_a_parent(count: int) -> None:
        parent = house.post("train", inputs=house.trains_on(house.dataset()))
        for _ in range(count):
            house.post("train", inputs=house.trains_on(house.dataset()))
            house.post("evaluate", parent_id=parent)

    wait_for_a_dataset_and_a_parent(2)
    _, few = look(house, Queue(), pool)
    wait_for_a_dataset_and_a_parent(40)
    queue = Queue()
    _, many = look(house, queue, pool)
    assert many == few
    _, again = look(house, queue, pool)
    assert again < many  # what jobs need is remembered


def test_only_jobs_with_something_new_are_due(house, pool):
    first = house.post("train")
    second = house.post("train")
    waits = house.post("train", waits_for=pool_shortage(pool))
    told = house.post(
        "evaluate", parent_id=first, waits_for=f"Waits for the parent job {first}, which is Pending"
    )
    untold = house.post("evaluate", parent_id=first)
    found, _ = look(house, Queue(), pool)
    assert found == [first, second, untold]  # the second has yet to be told that the slot is taken
    assert not {waits, told} & set(found)


def pool_shortage(pool: SlotPool) -> str:
    full = pool.copy()
    full.take(Slot.CPU, 0)
    return full.shortage(Slot.CPU, 0)


def test_a_copy_of_a_pool_is_its_own(pool):
    copy = pool.copy()
    copy.take(Slot.CPU, 0)
    assert not copy.has_room(Slot.CPU, 0)
    assert pool.has_room(Slot.CPU, 0)
