"""One request at a time works on a thing: in one server, and over servers that share PostgreSQL."""

import subprocess
import sys

import pytest

from tunesmith.server.kit.database import Database
from tunesmith.server.kit.errors import ConflictError
from tunesmith.server.kit.holding import held

HOLDER = """
import sys
from tunesmith.server.kit.database import Database
from tunesmith.server.kit.holding import held
with held(Database(sys.argv[1]), "a thing", "busy"):
    print("holds", flush=True)
    sys.stdin.read()
"""


@pytest.fixture(params=["sqlite", "postgresql"])
def url(request: pytest.FixtureRequest, tmp_path) -> str:
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path / 'test.db'}"
    found: str = request.getfixturevalue("postgres_url")
    return found


def test_whoever_comes_second_is_told_and_may_come_again(url: str):
    one, other = Database(url), Database(url)
    with held(one, "a thing", "it is busy"):
        with pytest.raises(ConflictError, match="it is busy"), held(other, "a thing", "it is busy"):
            pytest.fail("two at once")
        with held(other, "another thing", "it is busy"):
            pass
    with pytest.raises(KeyError), held(one, "a thing", "it is busy"):
        raise KeyError
    with held(other, "a thing", "it is busy"):
        pass
    for database in (one, other):
        database.dispose()


def test_holding_takes_no_connection_from_those_who_read(postgres_url: str):
    database = Database(postgres_url)
    with held(database, "one", "busy"), held(database, "two", "busy"):
        assert database.reading.pool.checkedout() == 0  # type: ignore[attr-defined]
    database.dispose()


def test_what_a_dead_server_held_is_free(postgres_url: str):
    holder = subprocess.Popen(
        [sys.executable, "-c", HOLDER, postgres_url], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    )
    assert holder.stdout
    assert holder.stdout.readline() == b"holds\n"
    database = Database(postgres_url)
    with pytest.raises(ConflictError), held(database, "a thing", "busy"):
        pytest.fail("two at once")
    holder.kill()
    holder.communicate()
    while True:  # PostgreSQL notices the end of a connection by itself, not at once
        try:
            with held(database, "a thing", "busy"):
                break
        except ConflictError:
            continue
    database.dispose()
