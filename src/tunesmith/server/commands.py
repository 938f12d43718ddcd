"""What the `tunesmith` command does on the server's machine: serve, and administer keys and weights.

Each function takes the command's options, which win over TUNESMITH_* variables, and ends the process with
a sentence on standard error and exit code 1 when it cannot do its work.
"""

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NoReturn

from pydantic import ValidationError
from sqlalchemy.exc import ArgumentError, NoSuchModuleError, OperationalError
from sqlalchemy.orm import Session

from tunesmith.server.auth import administration
from tunesmith.server.auth.administration import KeyEntry
from tunesmith.server.kit.errors import ServiceError
from tunesmith.server.kit.settings import Settings
from tunesmith.server.migrations import UnknownRevisionError
from tunesmith.server.models import administration as models
from tunesmith.server.models.administration import ModelEntry
from tunesmith.server.opening import StartError, open_database
from tunesmith.storage.errors import StorageError


def serve(
    data_dir: Path | None = None,
    host: str | None = None,
    port: int | None = None,
    database_url: str | None = None,
    executor: str | None = None,
) -> None:
    """Run a server until it is told to stop (SIGINT or SIGTERM)."""
    from tunesmith.server.serving import run

    with _clear_failures():
        run(_settings(data_dir=data_dir, host=host, port=port, database_url=database_url, executor=executor))


def keys_create(org: str, user: str, data_dir: Path | None = None, database_url: str | None = None) -> str:
    """Create an API key, and the organisation and user that it is for where they do not exist yet.

    Returns the key, which cannot be had again.
    """
    with _clear_failures(), _writing(data_dir, database_url) as session:
        return administration.create_key(session, org, user)


def keys_list(data_dir: Path | None = None, database_url: str | None = None) -> list[KeyEntry]:
    """All keys, revoked ones too, the oldest first."""
    with _clear_failures(), _writing(data_dir, database_url) as session:
        return administration.list_keys(session)


def keys_revoke(key: str, data_dir: Path | None = None, database_url: str | None = None) -> KeyEntry:
    """Make a key useless from now on. `key` is the key or enough of its beginning."""
    with _clear_failures(), _writing(data_dir, database_url) as session:
        return administration.revoke_key(session, key)


def models_list(data_dir: Path | None = None) -> list[ModelEntry]:
    """The base experiments of the catalogue, and whose weights are on this machine."""
    with _clear_failures():
        return models.list_models(_settings(data_dir=data_dir).models_dir)


def models_check(name: str) -> None:
    """End here if the catalogue has no base experiment of that ngc_path or id."""
    with _clear_failures():
        models.find_model(name)


def models_add(
    path: Path, name: str, data_dir: Path | None = None, database_url: str | None = None
) -> ModelEntry:
    """Copy a file of weights in for a base experiment."""
    with _clear_failures(), _writing(data_dir, database_url) as session:
        return models.add_model(session, _settings(data_dir=data_dir).models_dir, path, name)


def _settings(**options: Any) -> Settings:
    return Settings(**{name: value for name, value in options.items() if value is not None})


@contextmanager
def _writing(data_dir: Path | None, database_url: str | None) -> Iterator[Session]:
    database = open_database(_settings(data_dir=data_dir, database_url=database_url))
    try:
        with database.write() as session:
            yield session
    finally:
        database.dispose()


@contextmanager
def _clear_failures() -> Iterator[None]:
    """Say what an operator can put right in a sentence; anything else is a defect and shows where."""
    try:
        yield
    except ValidationError as error:
        _fail("; ".join(f"{_setting(one['loc'])}: {one['msg']}" for one in error.errors()))
    except (NoSuchModuleError, ArgumentError) as error:
        _fail(f"TUNESMITH_DATABASE_URL cannot be used: {error}")
    except ModuleNotFoundError as error:
        if error.name not in {"psycopg", "psycopg2"}:
            raise
        _fail("PostgreSQL needs its driver: pip install 'tunesmith[postgres]'")
    except OperationalError as error:
        _fail(f"The database cannot be opened: {error.orig}")
    except (StartError, ServiceError, StorageError, UnknownRevisionError, OSError) as error:
        _fail(str(error))


def _setting(location: tuple[int | str, ...]) -> str:
    return "_".join(["TUNESMITH", *(str(part) for part in location)]).upper()


def _fail(sentence: str) -> NoReturn:
    sys.stderr.write(f"tunesmith: {sentence}\n")
    raise SystemExit(1)
