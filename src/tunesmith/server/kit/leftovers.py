"""Folders whose owners are deleted, and which have to go from the disk of each server that has them.

That a folder has to go is written in the transaction that deletes its owner. The server at hand removes its
own at once; the others, and this one after a crash, when they sweep.
"""

import shutil
from collections.abc import Iterable
from pathlib import Path, PurePosixPath

from sqlalchemy import String, delete, select
from sqlalchemy.orm import Mapped, Session, mapped_column

from tunesmith.server.kit.database import Base, Database, after_commit
from tunesmith.server.kit.installation import installation_id
from tunesmith.server.kit.settings import Settings


class Leftover(Base):
    """A folder below the data folder of a server."""

    __tablename__ = "leftovers"

    id: Mapped[int] = mapped_column(primary_key=True)
    server: Mapped[str] = mapped_column(String(64), index=True)
    folder: Mapped[str] = mapped_column(String(1000))


def remove_folder_later(session: Session, settings: Settings, folder: Path, others: Iterable[str]) -> None:
    """Remove a folder once the transaction is through, here and on other servers that may have it.

    Args:
        session: of the transaction that deletes what the folder belongs to.
        settings: of this server.
        folder: below its data folder.
        others: the ids of the other servers; this one may be among them.
    """
    below = folder.relative_to(settings.data_dir).as_posix()
    for server in {installation_id(settings), *others}:
        session.add(Leftover(server=server, folder=below))
    after_commit(session, lambda: shutil.rmtree(folder, ignore_errors=True))


def sweep(database: Database, settings: Settings) -> None:
    """Remove what has to go from this server, and is not gone yet."""
    mine = select(Leftover.id, Leftover.folder).where(Leftover.server == installation_id(settings))
    with database.read() as session:
        found = session.execute(mine).all()
    gone = [row.id for row in found if _is_gone(settings.data_dir, row.folder)]
    if gone:
        with database.write() as session:
            session.execute(delete(Leftover).where(Leftover.id.in_(gone)))


def _is_gone(data_dir: Path, below: str) -> bool:
    """Remove a folder. False if it resists; a path that leads out of the data folder is left alone."""
    if ".." in PurePosixPath(below).parts or PurePosixPath(below).is_absolute():
        return True
    folder = data_dir / below
    shutil.rmtree(folder, ignore_errors=True)
    return not folder.exists()
