"""The tables that migrations make are those that the code declares, on both databases."""

from pathlib import Path

import pytest
from alembic.autogenerate import compare_metadata
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import inspect, text

from tunesmith.server import migrations
from tunesmith.server.kit.database import WRITING, Database
from tunesmith.server.tables import Base, Org


@pytest.fixture(params=["sqlite", "postgresql"])
def database(request: pytest.FixtureRequest, tmp_path: Path):
    if request.param == "sqlite":
        opened = Database(f"sqlite:///{tmp_path / 'tunesmith.db'}")
    else:
        opened = Database(request.getfixturevalue("postgres_url"))
    yield opened
    opened.dispose()


def test_the_migrated_database_is_the_declared_one(database: Database) -> None:
    migrations.migrate(database.engine)
    with database.engine.connect() as connection:
        assert set(inspect(connection).get_table_names()) == {*Base.metadata.tables, "alembic_version"}
        assert compare_metadata(MigrationContext.configure(connection), Base.metadata) == []


def test_a_second_start_changes_nothing(database: Database) -> None:
    migrations.migrate(database.engine)
    with database.write() as session:
        session.add(Org(name="acme"))
    migrations.migrate(database.engine)
    with database.read() as session:
        assert session.query(Org.name).scalar() == "acme"


def test_a_database_of_a_newer_version_is_left_alone(database: Database) -> None:
    migrations.migrate(database.engine)
    with database.engine.execution_options(**WRITING).begin() as connection:
        connection.execute(text("UPDATE alembic_version SET version_num = '9999'"))
    with pytest.raises(migrations.UnknownRevisionError, match=r"9999.*newer version"):
        migrations.migrate(database.engine)


def test_revisions_form_one_line_and_the_file_names_tell_the_newest() -> None:
    config = Config()
    config.set_main_option("script_location", str(Path(migrations.__file__).parent))
    assert ScriptDirectory.from_config(config).get_heads() == [migrations.head()]
