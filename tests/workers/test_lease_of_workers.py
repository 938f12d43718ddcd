"""A worker that hears from no server is gone before its lease is over, whatever has happened."""

import os
import signal
import time

import pytest
from tests.workers.yard import Yard, gone, launch, to_end, until

SHORT = 1.2
ENOUGH_TO_REPORT = 3


def test_a_worker_without_a_server_stops_and_reports(yard: Yard):
    job, driver = yard.job("wait"), yard.driver()
    pid = driver.launch(job, ENOUGH_TO_REPORT)
    driver.kill()
    until(lambda: gone(pid))
    assert "no server was heard" in job.interruption
    until(lambda: gone(driver.fork_server))


def test_a_worker_whose_server_sleeps_stops(yard: Yard):
    job, driver = yard.job("wait"), yard.driver()
    pid = driver.launch(job, ENOUGH_TO_REPORT)
    os.kill(driver.process.pid, signal.SIGSTOP)
    until(lambda: gone(pid))
    assert "no server was heard" in job.interruption


@pytest.mark.parametrize("do", ["ignore", "seize"])
def test_a_deaf_worker_is_killed(yard: Yard, do: str):
    job, driver = yard.job(do), yard.driver()
    pid = driver.launch(job, SHORT)
    driver.kill()
    until(lambda: gone(pid))
    assert "interrupted" not in job.kinds


@pytest.mark.parametrize("do", ["ignore", "get stuck"])
def test_a_deaf_worker_ends_without_fork_server_and_server(yard: Yard, do: str):
    job, driver = yard.job(do), yard.driver()
    pid = driver.launch(job, SHORT)
    driver.kill_fork_server()
    driver.kill()
    until(lambda: gone(pid))


def test_a_worker_that_was_stopped_by_a_signal_does_not_outlive_its_lease(yard: Yard):
    job, driver = yard.job("wait"), yard.driver()
    pid = driver.launch(job, SHORT)
    os.kill(pid, signal.SIGSTOP)
    driver.kill()
    until(lambda: gone(pid))
    assert "interrupted" not in job.kinds


@pytest.mark.parametrize("who", ["its own server", "the next server"])
def test_a_worker_that_is_kept_goes_on(yard: Yard, who: str):
    if who == "its own server":
        job = yard.job("wait")
        worker = launch(yard.executor(), job, SHORT)
        job.said("waits")
    else:
        job, driver = yard.job("wait"), yard.driver()
        driver.launch(job, SHORT)
        driver.kill()
        worker = yard.adopted(job)
    for _ in range(10):
        worker.keep()
        time.sleep(SHORT / 6)
    job.tell("finish")
    assert to_end(worker) == "its process exited with code 0"
    assert job.kinds[-1] == "done"


def test_a_worker_whose_fork_server_is_gone_hears_its_server_still(yard: Yard):
    job, driver = yard.job("wait"), yard.driver()
    driver.launch(job, ENOUGH_TO_REPORT)
    driver.kill_fork_server()
    for _ in range(10):
        assert job.kinds == ["started", "progress"]
        time.sleep(SHORT / 6)
    driver.kill()
    until(lambda: "interrupted" in job.kinds)
