"""The logs of real workers, as the watch of their jobs puts them into the database."""

import asyncio
import shutil
from uuid import UUID

from sqlalchemy import select, update

from tunesmith.server.jobs.followers import Followers
from tunesmith.server.jobs.news import NEWS
from tunesmith.server.jobs.tables import Job, JobHistory, JobLog


def log(house, job_id: UUID) -> bytes:
    with house.database.read() as session:
        rows = select(JobLog.content).where(JobLog.job_id == job_id).order_by(JobLog.position)
        return b"".join(session.scalars(rows))


def test_the_log_of_a_job_goes_on_after_its_server_was_started_again(house):
    house.start()
    job_id = house.post("augment")
    house.until_running(job_id)
    house.stop()
    assert log(house, job_id) == b"caf\xe9 1\n" * 100 + b"Stopped on request.\n"
    house.start()
    house.until_ended(job_id)
    house.stop()
    shutil.rmtree(house.settings.jobs_dir)
    assert log(house, job_id) == (
        b"caf\xe9 1\n" * 100 + b"Stopped on request.\n--- attempt 2 ---\n" + b"caf\xe9 2\n" * 100
    )


def test_the_last_words_of_a_worker_that_was_lost_are_kept(house):
    house.start()
    job_id = house.post("inference")
    house.until_ended(job_id)
    house.stop()
    assert log(house, job_id) == b"about to be killed\n"


def test_what_a_server_does_by_itself_is_its_own_doing(house):
    house.start()
    job_id = house.post("train")
    house.until_ended(job_id)
    with house.database.read() as session:
        actors = set(session.scalars(select(JobHistory.actor).where(JobHistory.job_id == job_id)))
    (actor,) = actors
    assert actor.startswith("server ")


def test_followers_learn_what_another_server_has_written(house):
    """The other server shares nothing but the database, so it cannot ring any bell here."""
    job_id = house.post("train", waits_for="Waits")

    async def follow() -> list[bool]:
        with NEWS.following(job_id) as bell:
            asking = asyncio.create_task(Followers(house.database).watch_others())
            rung = [await bell.wait(10)]  # the first answer is new in any case
            for change in ({"log_size": 10}, {"status": "Running"}, {"waits_for": "Waits for more"}):
                with house.database.write() as session:
                    session.execute(update(Job).where(Job.id == job_id).values(change))
                rung.append(await bell.wait(10))
            asking.cancel()
        return rung

    assert asyncio.run(follow()) == [True, True, True, True]
    assert NEWS.followed() == ()
