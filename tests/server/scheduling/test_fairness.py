"""Whose turn it is: organisations share, and no job is passed by for ever."""

from datetime import UTC, datetime, timedelta
from uuid import UUID, uuid4

from hypothesis import given
from hypothesis import strategies as st

from tunesmith.server.scheduling.fairness import PATIENCE, Candidate, Share, Turns
from tunesmith.server.scheduling.resources import Capacity
from tunesmith.server.scheduling.slots import SlotPool
from tunesmith.workers.base import Demand, Slot
from tunesmith.workers.machine import Node

START = datetime(2026, 1, 1, tzinfo=UTC)
NODE = Node(name="n", processor="p", cores=4, gpus=("A",) * 4, memory_mb=1 << 20)
ONE = Demand(Slot.CPU)


def pool(cpu: int = 1) -> SlotPool:
    return SlotPool(Capacity(cpu_slots=cpu, io_slots=1, nodes=(NODE,)))


def waiting(org: UUID, *demands: Demand, since: int = 0) -> list[Candidate]:
    return [
        Candidate(uuid4(), org, START + timedelta(seconds=since + age), demand)
        for age, demand in enumerate(demands)
    ]


def started(turns: Turns, candidates: list[Candidate], there: SlotPool, shares=None) -> list[Candidate]:
    chosen = []
    for one in turns.choose(candidates, shares or {}, there):
        there.take(one.demand)
        chosen.append(one)
    return chosen


def test_within_an_organisation_the_oldest_is_first():
    jobs = waiting(uuid4(), ONE, ONE, ONE)
    assert started(Turns(), list(reversed(jobs)), pool(2)) == jobs[:2]


def test_a_late_organisation_gets_its_share_of_the_slots():
    busy, late = uuid4(), uuid4()
    jobs = waiting(busy, *[ONE] * 100) + waiting(late, ONE, ONE, since=1000)
    assert [one.org_id for one in started(Turns(), jobs, pool(4))].count(late) == 2


def test_of_two_that_run_nothing_the_one_served_longest_ago_is_next():
    busy, late = uuid4(), uuid4()
    jobs = waiting(busy, *[ONE] * 5) + waiting(late, ONE, since=1000)
    shares = {busy: Share(served=START + timedelta(hours=1)), late: Share(served=START)}
    assert started(Turns(), jobs, pool(1), shares)[0].org_id == late


def test_who_runs_less_is_next():
    many, few = uuid4(), uuid4()
    jobs = waiting(many, ONE) + waiting(few, ONE, since=1000)
    assert started(Turns(), jobs, pool(1), {many: Share(3), few: Share(1)})[0].org_id == few


def test_small_jobs_use_what_a_large_one_cannot_but_not_for_ever():
    org = uuid4()
    turns, there = Turns(), pool()
    held = there.take(Demand(Slot.GPU, gpus=1))
    (large,) = waiting(org, Demand(Slot.GPU, gpus=4))
    small = waiting(org, *[Demand(Slot.GPU, gpus=1)] * 100, since=10)
    passed = 0
    while one := started(turns, [large, small[0]], there):
        assert one == [small.pop(0)]
        there.give_back(Demand(Slot.GPU, gpus=1), (1,))
        passed += 1
    assert passed == PATIENCE  # now room is made
    there.give_back(Demand(Slot.GPU, gpus=1), held)
    assert started(turns, [large, *small], there) == [large]


def test_what_this_machine_can_never_run_holds_nothing_up():
    org = uuid4()
    impossible = waiting(org, Demand(Slot.GPU, gpus=64))
    possible = waiting(org, *[ONE] * 50, since=10)
    turns = Turns()
    for one in possible:
        assert started(turns, [*impossible, one], pool()) == [one]


@given(st.lists(st.tuples(st.integers(0, 3), st.integers(0, 4), st.integers(0, 3)), max_size=30))
def test_never_more_is_given_out_than_there_is(wishes):
    orgs = [UUID(int=number) for number in range(4)]
    jobs = [
        one
        for org, gpus, age in wishes
        for one in waiting(orgs[org], Demand(Slot.GPU, gpus=gpus) if gpus else ONE, since=age)
    ]
    there = pool(2)
    chosen = started(Turns(), jobs, there)
    assert len(chosen) == len({one.job_id for one in chosen})
    assert sum(one.demand.gpus for one in chosen) <= 4
    left = [one for one in jobs if one not in chosen]
    assert not any(there.has_room(one.demand) for one in left)  # and nothing that fits is left out
