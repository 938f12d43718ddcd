"""Folders that have to go, here, on other servers, and after a crash."""

import pytest

from tunesmith.server.kit.installation import installation_id
from tunesmith.server.kit.leftovers import Leftover, remove_folder_later, sweep
from tunesmith.server.kit.settings import Settings
from tunesmith.server.opening import open_database


@pytest.fixture
def here(tmp_path):
    return _server(tmp_path / "here")


@pytest.fixture
def elsewhere(tmp_path):
    return _server(tmp_path / "elsewhere")


@pytest.fixture
def database(here):
    opened = open_database(here)
    yield opened
    opened.dispose()


def _server(data_dir):
    (data_dir / "jobs" / "one").mkdir(parents=True)
    (data_dir / "jobs" / "one" / "log.txt").write_text("much", encoding="ascii")
    return Settings(data_dir=data_dir)


def _left(database):
    with database.read() as session:
        return [(row.server, row.folder) for row in session.query(Leftover)]


def test_a_folder_goes_here_at_once_and_elsewhere_at_the_next_sweep(database, here, elsewhere):
    with database.write() as session:
        remove_folder_later(session, here, here.jobs_dir / "one", [installation_id(elsewhere)])
        assert (here.jobs_dir / "one").exists()  # until the transaction is through
    assert not (here.jobs_dir / "one").exists()
    assert (elsewhere.jobs_dir / "one").exists()

    sweep(database, elsewhere)
    assert not (elsewhere.jobs_dir / "one").exists()
    assert _left(database) == [(installation_id(here), "jobs/one")]
    sweep(database, here)
    assert _left(database) == []


def test_a_folder_that_a_crash_left_goes_at_the_next_sweep(database, here):
    with database.write() as session:
        session.add(Leftover(server=installation_id(here), folder="jobs/one"))
    sweep(database, here)
    assert not (here.jobs_dir / "one").exists()
    assert _left(database) == []


def test_what_is_not_deleted_after_all_stays(database, here):
    with pytest.raises(ZeroDivisionError):
        _forget_and_fail(database, here)
    sweep(database, here)
    assert (here.jobs_dir / "one" / "log.txt").exists()


def _forget_and_fail(database, settings):
    with database.write() as session:
        remove_folder_later(session, settings, settings.jobs_dir / "one", [])
        session.flush()
        raise ZeroDivisionError


def test_no_row_leads_out_of_the_data_folder(database, here, elsewhere):
    with database.write() as session:
        session.add(Leftover(server=installation_id(here), folder="../elsewhere/jobs"))
        session.add(Leftover(server=installation_id(here), folder=str(elsewhere.jobs_dir)))
    sweep(database, here)
    assert (elsewhere.jobs_dir / "one").exists()
    assert _left(database) == []
