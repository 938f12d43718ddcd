"""Workers outlive their server, and the next server on the data folder goes on with them."""

import os
import signal
import socket
from pathlib import Path
from uuid import uuid4

import pytest
from tests.workers.yard import Yard, gone, launch, to_end, until

from tunesmith.workers.base import Slot


def test_a_worker_of_a_killed_server_is_adopted_and_ends_well(yard: Yard):
    job, driver = yard.job("wait"), yard.driver()
    pid = driver.launch(job)
    driver.kill()
    worker = yard.adopted(job)
    job.tell("report")
    while "as told" not in [getattr(event, "message", "") for event in job.events]:
        assert worker.wait()
    assert job.pid == pid
    job.tell("finish")
    assert to_end(worker) == "its process exited with code 0"
    assert job.kinds == ["started", "progress", "progress", "done"]
    until(lambda: gone(driver.fork_server), "nobody needs the old fork server")


def test_an_adopted_worker_wakes_its_watcher_at_once(yard: Yard):
    """What came while no server was there is waiting to be read."""
    job, driver = yard.job("wait"), yard.driver()
    driver.launch(job)
    driver.kill()
    assert yard.adopted(job).wait()


@pytest.mark.parametrize(
    ("do", "way", "ending", "last"),
    [
        ("wait", "stop", "its process exited with code 0", "interrupted"),
        ("ignore", "kill", "it did not end in time", "progress"),
    ],
)
def test_an_adopted_worker_is_stopped_and_killed(yard: Yard, do: str, way: str, ending: str, last: str):
    job, driver = yard.job(do), yard.driver()
    driver.launch(job)
    driver.kill()
    worker = yard.adopted(job)
    getattr(worker, way)()
    assert to_end(worker) == ending
    assert job.kinds[-1] == last


def test_a_worker_that_was_killed_while_nobody_watched_is_not_there(yard: Yard):
    job, driver = yard.job("wait"), yard.driver()
    pid = driver.launch(job)
    driver.kill()
    os.kill(pid, signal.SIGKILL)
    until(lambda: gone(pid))
    assert yard.executor().adopt(job.id) is None


def test_the_end_of_an_adopted_worker_is_told(yard: Yard):
    job, driver = yard.job("wait"), yard.driver()
    pid = driver.launch(job)
    driver.kill()
    worker = yard.adopted(job)
    os.kill(pid, signal.SIGKILL)
    assert to_end(worker) == "its process was ended by SIGKILL, as when memory runs out"


def test_a_third_server_adopts_from_the_first_and_the_second(yard: Yard):
    jobs = [yard.job("wait"), yard.job("wait")]
    for job in jobs:
        driver = yard.driver()
        driver.launch(job)
        driver.kill()
    executor = yard.executor()
    workers = [executor.adopt(job.id) for job in jobs]
    for job, worker in zip(jobs, workers, strict=True):
        assert worker is not None
        job.tell("finish")
        assert to_end(worker) == "its process exited with code 0"


def test_new_jobs_go_to_the_new_fork_server(yard: Yard):
    old, driver = yard.job("wait"), yard.driver()
    driver.launch(old)
    driver.kill()
    executor, new = yard.executor(), yard.job("wait")
    assert executor.adopt(old.id)
    launch(executor, new)
    new.said("waits")
    parents = [Path(f"/proc/{job.pid}/stat").read_text().rpartition(")")[2].split()[1] for job in (old, new)]
    assert int(parents[0]) == driver.fork_server
    assert parents[0] != parents[1]


def test_whoever_adopts_last_has_the_worker(yard: Yard):
    executor, job = yard.executor(), yard.job("wait")
    first = launch(executor, job)
    job.said("waits")
    second = executor.adopt(job.id)
    assert second is not None
    assert to_end(first) == "somebody else watches it now"
    first.kill()
    job.tell("finish")
    assert to_end(second) == "its process exited with code 0"


def test_an_orderly_end_leaves_no_process_of_any_server(yard: Yard):
    watched, forgotten, driver = yard.job("wait"), yard.job("wait"), yard.driver()
    pids = [driver.launch(watched), driver.launch(forgotten)]
    driver.kill()
    executor = yard.executor()
    assert executor.adopt(watched.id)
    executor.close()
    assert [gone(pid) for pid in pids] == [True, True]
    until(lambda: gone(driver.fork_server))
    assert [job.kinds[-1] for job in (watched, forgotten)] == ["interrupted", "interrupted"]
    assert list(yard.run_dir.iterdir()) != []  # of the killed server; the next one clears it away
    yard.executor().close()
    assert list(yard.run_dir.iterdir()) == []


def test_nobody_has_an_unknown_job(yard: Yard):
    assert yard.executor().adopt(uuid4()) is None


def test_stale_and_strange_records_are_passed_over(yard: Yard, tmp_path: Path):
    job, driver = yard.job("wait"), yard.driver()
    driver.launch(job)
    driver.kill()
    (yard.run_dir / "cut short").write_bytes(b"\0\0")
    (yard.run_dir / "leads nowhere").symlink_to(tmp_path / "nothing")
    (yard.run_dir / "leads to a file").symlink_to(Path(__file__))
    dead = tmp_path / "dead"
    dead.mkdir(mode=0o700)
    with socket.socket(socket.AF_UNIX) as left:
        left.bind(str(dead / "s"))
    (yard.run_dir / "dead").symlink_to(dead)
    worker = yard.adopted(job)
    assert not dead.exists()
    job.tell("finish")
    assert to_end(worker) == "its process exited with code 0"


def test_a_folder_that_others_may_enter_is_not_trusted(yard: Yard, tmp_path: Path):
    """Whoever put it there would learn of the jobs and could answer for them."""
    strange = tmp_path / "strange"
    strange.mkdir(mode=0o755)
    with socket.socket(socket.AF_UNIX) as trap:
        trap.bind(str(strange / "s"))
        trap.listen()
        trap.setblocking(False)
        yard.run_dir.mkdir()
        (yard.run_dir / "strange").symlink_to(strange)
        assert yard.executor().adopt(uuid4()) is None
        with pytest.raises(BlockingIOError):
            trap.accept()


def test_workers_that_move_data_are_adopted_too(yard: Yard):
    first, job = yard.executor(), yard.job("wait")
    launch(first, job, slot=Slot.IO)
    job.said("waits")
    worker = yard.adopted(job)
    job.tell("finish")
    assert to_end(worker) == "its process exited with code 0"
