"""What Alembic runs: on the connection that the server gives it, or on that of the settings."""

from alembic import context
from sqlalchemy import Connection

from tunesmith.server.kit.database import Database
from tunesmith.server.kit.settings import Settings
from tunesmith.server.tables import Base


def run(connection: Connection) -> None:
    context.configure(
        connection=connection,
        target_metadata=Base.metadata,
        transactional_ddl=True,
        render_as_batch=connection.dialect.name == "sqlite",
        compare_type=True,
    )
    with context.begin_transaction():
        context.run_migrations()


given = context.config.attributes.get("connection")
if given is not None:
    run(given)
else:
    with Database(Settings().resolved_database_url).engine.connect() as opened:
        run(opened)
