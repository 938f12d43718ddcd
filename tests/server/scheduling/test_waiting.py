"""What jobs wait for, how they are let go, and what a look costs however many wait."""

from typing import Any
from uuid import uuid4

import pytest
from sqlalchemy import update
from tests.statements import statements

from tunesmith.server.datasets.tables import Dataset
from tunesmith.server.jobs.queue import places, release, release_all
from tunesmith.server.jobs.states import Status, transition
from tunesmith.server.jobs.tables import Job, Queue
from tunesmith.server.scheduling import claims
from tunesmith.server.scheduling.resources import Capacity, Fleet
from tunesmith.server.scheduling.slots import SlotPool
from tunesmith.server.scheduling.waiting import look_at_new
from tunesmith.workers.base import Demand, Slot
from tunesmith.workers.machine import Node

NODE = Node(name="here", processor="p", cores=2, gpus=("A", "A"), memory_mb=4096)
CAPACITY = Capacity(cpu_slots=1, io_slots=1, nodes=(NODE,))
FLEET = Fleet([CAPACITY])


def look(house: Any) -> int:
    """Look at all new jobs; how many statements it took."""
    with statements(house.database) as seen, house.database.write() as session:
        look_at_new(session, FLEET)
    return len(seen)


def queue_of(house: Any, job_id: Any) -> tuple[str | None, str]:
    job = house.job(job_id)
    return job.queue, job.waits_for


def test_reading_what_jobs_wait_for_takes_as_many_statements_for_many_as_for_few(house):
    def wait_for_a_dataset_and_a_parent(count: int) -> None:
        parent = house.post("train", inputs=house.trains_on(house.dataset()))
        for _ in range(count):
            house.post("train", inputs=house.trains_on(house.dataset()))
            house.post("evaluate", parent_id=parent)

    def reads() -> int:
        with statements(house.database) as seen, house.database.write() as session:
            look_at_new(session, FLEET)
            return sum(one.startswith("SELECT") for one in seen)

    wait_for_a_dataset_and_a_parent(2)
    few = reads()
    wait_for_a_dataset_and_a_parent(40)
    assert reads() == few
    assert look(house) == 1  # whoever has been looked at is left alone until something happens


def test_a_job_is_let_go_by_what_it_waits_for(house):
    dataset_id = house.dataset()
    parent = house.post("train", inputs=house.trains_on(dataset_id))
    child = house.post("evaluate", parent_id=parent)
    look(house)
    assert queue_of(house, parent) == (Queue.BLOCKED, f"Waits for the dataset d ({dataset_id}) to be pulled")
    assert queue_of(house, child) == (Queue.BLOCKED, f"Waits for the parent job {parent}, which is Pending")
    with house.database.write() as session:
        session.execute(update(Dataset).values(status="pull_complete"))
        release(session, dataset_id)
    look(house)
    assert queue_of(house, parent) == (Queue.READY, "Waits for a free processor slot")
    with house.database.write() as session:
        transition(session, parent, Status.CANCELED, "a test")
    look(house)
    assert queue_of(house, child)[0] == Queue.READY


def test_a_word_that_was_lost_is_made_up_for(house):
    job_id = house.post("train", inputs=house.trains_on(house.dataset()))
    look(house)
    with house.database.write() as session:
        session.execute(update(Dataset).values(status="pull_complete"))
        release_all(session)
    look(house)
    assert queue_of(house, job_id)[0] == Queue.READY


def test_a_job_that_no_server_here_can_run_says_so_and_is_not_lost(house):
    job_id = house.post("train", slot="gpu", gpus=8)
    look(house)
    assert queue_of(house, job_id) == (
        Queue.READY,
        "Waits for another server: it needs 8 GPUs, and no machine has more than 2",
    )


def test_places_count_those_of_the_same_organisation_and_slot(house):
    jobs = [house.post("train") for _ in range(3)]
    transfer = house.post("train", slot="io")
    blocked = house.post("evaluate", parent_id=jobs[0])
    look(house)
    with house.database.read() as session:
        found = places(session, [house.job(one) for one in (*jobs, transfer, blocked)])
    assert [found[one] for one in jobs] == [(1, 3), (2, 3), (3, 3)]
    assert found[transfer] == (1, 1)
    assert blocked not in found


@pytest.mark.parametrize("waiting", [10, 400])
def test_candidates_are_a_few_however_many_wait(house, waiting):
    with house.database.write() as session:
        for _ in range(waiting):
            job = Job(org_id=house.org_id, user_id=house.user_id, experiment_id=house.experiment_id)
            job.action, job.inputs, job.queue = "train", {}, Queue.READY
            session.add(job)
    with statements(house.database) as seen, house.database.read() as session:
        assert len(claims.candidates(session, Slot.CPU, 5)) == 5
    assert len(seen) == 2


def test_a_pool_gives_out_what_it_has():
    pool = SlotPool(CAPACITY)
    one, both = Demand(Slot.GPU, gpus=1, memory_mb=1024), Demand(Slot.GPU, gpus=2)
    first = pool.take(one)
    assert first == (0,)
    assert not pool.has_room(both)
    assert not pool.has_room(Demand(Slot.GPU, gpus=1, gpu_ids=(0,)))
    assert pool.take(Demand(Slot.GPU, gpus=1, gpu_ids=(1,))) == (1,)
    assert not pool.offers(Slot.GPU)
    pool.give_back(one, first)
    assert pool.has_room(Demand(Slot.GPU, gpus=1, gpu_ids=(0,)))


def test_memory_is_a_resource_like_another():
    pool = SlotPool(CAPACITY.model_copy(update={"cpu_slots": 4}))
    large = Demand(Slot.CPU, memory_mb=3000)
    pool.take(large)
    assert not pool.has_room(Demand(Slot.CPU, memory_mb=2000))
    assert pool.has_room(Demand(Slot.CPU, memory_mb=1000))
    pool.give_back(large, ())
    assert pool.has_room(Demand(Slot.CPU, memory_mb=2000))


@pytest.mark.parametrize(
    ("demand", "words"),
    [
        (Demand(Slot.GPU, gpus=3), "it needs 3 GPUs, and no machine has more than 2"),
        (Demand(Slot.GPU, gpus=1, gpu_ids=(7,)), "it needs the GPUs 7"),
        (Demand(Slot.CPU, memory_mb=5000), "it needs 5000 MiB of memory"),
        (Demand(Slot.CPU, nodes=2), "it needs 2 nodes, and there are 1"),
        (Demand(Slot.CPU, platform=uuid4()), "there is no platform"),
    ],
)
def test_what_can_never_run_says_what_is_lacking(demand, words):
    assert not FLEET.fits(demand)
    assert words in FLEET.lack(demand).sentence
