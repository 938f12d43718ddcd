"""Workers on this machine: how they start, what their watcher hears, and how each of their ends is told."""

import os
import signal
from pathlib import Path

import pytest
from tests.workers.yard import Yard, gone, launch, to_end, until

from tunesmith.protocol import Launch
from tunesmith.workers.base import Demand, ExecutorError, Slot
from tunesmith.workers.local import LocalExecutor


def fork_server(executor: LocalExecutor) -> int:
    assert executor._compute._process
    return executor._compute._process.pid


def kill_fork_server(executor: LocalExecutor) -> None:
    pid = fork_server(executor)
    os.kill(pid, signal.SIGKILL)
    until(lambda: gone(pid))


def test_the_watcher_wakes_at_each_event_and_learns_the_end(yard: Yard):
    job = yard.job("wait")
    worker = launch(yard.executor(), job)
    for kinds in (["started"], ["started", "progress"]):
        while job.kinds[: len(kinds)] != kinds:
            assert worker.wait()
    job.tell("report")
    while len(job.kinds) < 3:
        assert worker.wait()
    job.tell("finish")
    assert to_end(worker) == "its process exited with code 0"


@pytest.mark.parametrize(("given", "used"), [(None, "1000"), ("7", "7")])
def test_threads_that_compute_leave_their_cores_to_others(
    yard: Yard, monkeypatch: pytest.MonkeyPatch, given: str | None, used: str
):
    monkeypatch.delenv("GOMP_SPINCOUNT", raising=False)
    if given:
        monkeypatch.setenv("GOMP_SPINCOUNT", given)
    seen = Path(f"/proc/{fork_server(yard.executor())}/environ")
    until(seen.read_bytes, "it has none before it runs")
    assert f"GOMP_SPINCOUNT={used}".encode() in seen.read_bytes().split(b"\0")


def test_what_is_printed_wakes_the_watcher_without_an_event(yard: Yard):
    job = yard.job("print")
    worker = launch(yard.executor(), job)
    job.said("waits")
    job.tell("report")
    while "something new" not in job.folder.log_path.read_text():
        assert worker.wait()
    assert job.kinds == ["started", "progress"]
    job.tell("finish")
    to_end(worker)


@pytest.mark.parametrize(
    ("do", "ending"),
    [
        ("crash", "its process was ended by SIGSEGV, a crash in native code"),
        ("exit", "its process exited with code 3"),
    ],
)
def test_an_end_without_a_report_is_told_in_words(yard: Yard, do: str, ending: str):
    assert to_end(launch(yard.executor(), yard.job(do))) == ending


def test_words_to_a_worker_that_is_gone_do_no_harm(yard: Yard):
    job = yard.job("leave")
    worker = launch(yard.executor(), job)
    to_end(worker)
    worker.keep()
    worker.stop()
    worker.kill()


@pytest.mark.parametrize("do", ["fork", "spawn"])
@pytest.mark.parametrize("without", ["nobody else", "the fork server"])
def test_what_a_worker_has_started_ends_with_it(yard: Yard, do: str, without: str):
    executor, job = yard.executor(), yard.job(do)
    worker = launch(executor, job)
    started = int(job.said("started "))
    if without == "the fork server":
        kill_fork_server(executor)
    os.kill(job.pid, signal.SIGKILL)
    to_end(worker)
    until(lambda: gone(started))


def test_what_a_worker_has_forked_ends_when_all_is_killed_at_once(yard: Yard):
    job, driver = yard.job("fork"), yard.driver()
    pid = driver.launch(job, message="started")
    for victim in (driver.process.pid, driver.fork_server, pid):
        os.kill(victim, signal.SIGKILL)
    until(lambda: gone(int(job.said("started "))))


def test_a_worker_whose_fork_server_is_killed_is_watched_to_its_end(yard: Yard):
    executor, job = yard.executor(), yard.job("wait")
    worker = launch(executor, job)
    job.said("waits")
    kill_fork_server(executor)
    job.tell("report")
    while len(job.kinds) < 3:
        assert worker.wait()
    other = yard.job("leave")
    assert to_end(launch(executor, other)) == "its process exited with code 0"
    job.tell("finish")
    assert to_end(worker) == "its process is gone"
    assert (job.kinds[-1], other.kinds[-1]) == ("done", "done")


def test_a_worker_whose_fork_server_is_killed_listens_to_stop(yard: Yard):
    executor, job = yard.executor(), yard.job("wait")
    worker = launch(executor, job)
    job.said("waits")
    kill_fork_server(executor)
    worker.stop()
    to_end(worker)
    assert job.interruption == "Stopped on request"


def test_a_fork_server_that_cannot_start_is_an_error_with_a_sentence(yard: Yard, monkeypatch):
    monkeypatch.setattr("sys.executable", "/bin/false")
    with pytest.raises(ExecutorError, match="standard error says why"):
        launch(yard.executor(), yard.job("leave"))


def children(process: int) -> set[int]:
    return {int(pid) for pid in Path(f"/proc/{process}/task/{process}/children").read_text().split()}


def test_a_job_gets_a_child_that_waits_already_and_others_take_its_place(yard: Yard):
    executor, job = yard.executor(), yard.job("wait")
    parent = fork_server(executor)
    until(lambda: len(children(parent)) == 2)
    waiting = children(parent)
    launch(executor, job)
    job.said("waits")
    assert job.pid in waiting
    until(lambda: len(children(parent)) == 3)


def test_children_that_wait_end_with_their_fork_server(yard: Yard):
    executor = yard.executor()
    parent = fork_server(executor)
    until(lambda: len(children(parent)) == 2)
    waiting = children(parent)
    os.kill(parent, signal.SIGKILL)
    until(lambda: all(map(gone, waiting)))


def test_a_child_that_was_killed_while_it_waited_costs_no_job(yard: Yard):
    executor, job = yard.executor(), yard.job("leave")
    parent = fork_server(executor)
    until(lambda: len(children(parent)) == 2)
    for child in children(parent):
        os.kill(child, signal.SIGKILL)
    assert to_end(launch(executor, job)) == "its process exited with code 0"


def test_many_jobs_at_once_each_get_a_worker(yard: Yard):
    executor, jobs = yard.executor(), [yard.job("wait") for _ in range(12)]
    workers = [launch(executor, job) for job in jobs]
    for job in jobs:
        job.tell("finish")
    assert {to_end(worker) for worker in workers} == {"its process exited with code 0"}
    assert {job.kinds[-1] for job in jobs} == {"done"}


def test_an_executor_that_was_closed_launches_nothing(yard: Yard):
    executor, job = yard.executor(), yard.job("leave")
    executor.close()
    with pytest.raises(ExecutorError, match="The server stops"):
        executor.launch(Launch(folder=job.folder.root), Demand(Slot.CPU))
