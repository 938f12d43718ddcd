"""What can go wrong between a server and the nodes of its cluster, caused for real."""

import os
import signal
from collections.abc import Iterator
from pathlib import Path
from uuid import UUID

import pytest
from tests.ray_cluster import RayCluster
from tests.server.scheduling.test_scheduler import cancel, worker_pid
from tests.workers.yard import gone, until

from tunesmith.protocol import Cause, JobFolder
from tunesmith.server.jobs.inputs import FrozenInputs
from tunesmith.server.kit.settings import Settings
from tunesmith.server.opening import StartError
from tunesmith.server.scheduling.executors.choice import check_ground
from tunesmith.workers.base import Slot

ON_RAY = pytest.mark.parametrize("house", ["ray"], indirect=True)
SOME_MEMORY = 5000
"""In MiB: a node of the tests has room for one such job, and two have for more by their sum."""


@pytest.fixture
def lonely(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RayCluster]:
    """A cluster of one node, to be destroyed."""
    cluster = RayCluster(hidden=tmp_path_factory.getbasetemp())
    cluster.add()
    yield cluster
    cluster.stop()


def broker(house) -> int:
    process, _ = house.scheduler._executor._broker.running()
    return process.pid


def parent(pid: int) -> int:
    return int(Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[1])


def running(house) -> tuple[UUID, int]:
    """A job that runs until it is stopped, and the process of its worker."""
    house.settings = house.settings.model_copy(update={"cpu_slots": None})
    house.start()
    job_id = house.post("evaluate")
    house.until_running(job_id)
    return job_id, worker_pid(house, job_id)


@ON_RAY
def test_a_broker_that_is_killed_costs_no_job(house):
    job_id, pid = running(house)
    lost = broker(house)
    os.kill(lost, signal.SIGKILL)
    until(lambda: gone(lost))
    assert house.until_ended(house.post("prune")).status == "Error", "a new broker runs new jobs"
    assert not gone(pid)
    cancel(house, job_id)
    job = house.until_ended(job_id)
    assert (job.status, job.attempt) == ("Canceled", 1)
    assert gone(pid)


@ON_RAY
def test_a_keeper_that_is_killed_costs_no_job(house):
    """Ray starts it again, and it finds its worker."""
    job_id, pid = running(house)
    keeper = parent(parent(pid))
    os.kill(keeper, signal.SIGKILL)
    until(lambda: gone(keeper))
    cancel(house, job_id)
    job = house.until_ended(job_id)
    assert (job.status, job.attempt) == ("Canceled", 1)
    assert gone(pid)
    assert house.until_ended(house.post("train")).status == "Done"


@ON_RAY
def test_a_job_without_room_waits_says_so_and_runs_when_there_is_some(house):
    house.settings = house.settings.model_copy(update={"cpu_slots": None, "ray_placement_seconds": 0.5})
    house.start()
    large = [house.post("evaluate", memory_mb=SOME_MEMORY) for _ in range(2)]
    for job_id in large:
        house.until_running(job_id)
    third = house.post("train", memory_mb=SOME_MEMORY)
    waiting = house.until(third, lambda job: "room on the Ray cluster" in job.waits_for)
    assert (waiting.status, waiting.attempt) == ("Pending", 0)
    assert f"{SOME_MEMORY} MiB" in waiting.waits_for
    assert house.until_ended(house.post("train")).status == "Done", "others go past it"
    cancel(house, large[0])
    assert house.until_ended(third).status == "Done"
    assert house.details(third).outcome == {"attempt": 1}
    assert ("Running", "Pending") in house.history(third)


@ON_RAY
def test_a_job_that_waits_for_room_is_cancelled_at_once(house):
    house.settings = house.settings.model_copy(update={"cpu_slots": None, "ray_placement_seconds": 600})
    house.start()
    for job_id in [house.post("evaluate", memory_mb=SOME_MEMORY) for _ in range(2)]:
        house.until_running(job_id)
    third = house.post("train", memory_mb=SOME_MEMORY)
    house.until(third, lambda job: job.status == "Running")
    cancel(house, third)
    assert house.until_ended(third).status == "Canceled"


@ON_RAY
def test_a_folder_that_a_node_does_not_see_fails_the_job_with_a_sentence(house, ray_cluster):
    if ray_cluster.hidden is None:
        pytest.skip("no file system can be mounted here: the nodes see this disk")
    house.start()
    inputs = FrozenInputs(workspace=house.workspace)
    job = house.until_ended(house.post("train", inputs=inputs.dump()))
    details = house.details(job.id)
    assert (job.status, details.cause) == ("Error", Cause.STORAGE)
    assert str(house.workspace.store.path) in details.message
    assert "object storage" in details.advice


@ON_RAY
def test_a_node_that_joins_brings_slots_and_gpus_and_takes_them_along(house, ray_cluster):
    house.start()
    until(lambda: house.scheduler.slots()[Slot.CPU].free == 1)  # by TUNESMITH_CPU_SLOTS
    node = ray_cluster.add("--num-gpus=2", cpus=1)
    try:
        until(lambda: house.scheduler.slots()[Slot.GPU].free == 2, seconds=60)
        job = house.until_ended(house.post("quantize", slot="gpu", gpus=2))
        assert house.details(job.id).outcome["gpus"] == "0,1"
    finally:
        node.stop()
    until(lambda: house.scheduler.slots()[Slot.GPU].free == 0, seconds=60)


@ON_RAY
def test_nothing_is_left_on_the_nodes(house):
    job_id, pid = running(house)
    keeper = parent(parent(pid))
    house.stop()
    assert gone(pid)
    until(lambda: gone(keeper))
    assert house.job(job_id).status == "Running"


def test_a_cluster_that_is_gone_makes_jobs_wait_with_a_sentence(house, lonely):
    settings: dict[str, object] = {"executor": "ray", "ray_address": lonely.address, "ray_job_cpus": 1}
    settings |= {"lease_seconds": 3, "max_restarts": 1}
    house.settings = house.settings.model_copy(update=settings)
    job_id, pid = running(house)
    for process in lonely.head.processes():
        os.kill(process, signal.SIGKILL)
    waiting = house.until(job_id, lambda job: job.status == "Pending", seconds=120)
    assert waiting.attempt == 1
    later = house.post("train")
    sentence = house.until(later, lambda job: "Ray cluster" in job.waits_for, seconds=120).waits_for
    assert "answer" in sentence or "cannot be reached" in sentence
    assert gone(pid)


def test_nodes_that_could_not_report_are_refused_at_the_start():
    settings = Settings(executor="ray", ray_address="10.0.0.1:6379")
    with pytest.raises(StartError, match="TUNESMITH_CALLBACK_URL"):
        check_ground(settings)
    check_ground(settings.model_copy(update={"callback_url": "http://10.0.0.2:8000"}))
    check_ground(settings.model_copy(update={"ray_address": None}))


def test_ray_that_is_not_installed_is_a_sentence(monkeypatch):
    monkeypatch.setattr("tunesmith.server.scheduling.executors.choice.find_spec", lambda _: None)
    with pytest.raises(StartError, match=r"pip install 'tunesmith\[ray\]'"):
        check_ground(Settings(executor="ray"))


def folder_of(house, job_id: UUID) -> JobFolder:
    return JobFolder(house.settings.jobs_dir / str(job_id))
