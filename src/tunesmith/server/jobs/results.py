"""The files that a job left in its workspace."""

import hashlib
import json
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from typing import Any
from uuid import UUID

from tunesmith.server.jobs.checkpoints import BEST, LATEST
from tunesmith.server.jobs.logs import Log
from tunesmith.server.jobs.packing import FORMAT, Archive, Member
from tunesmith.server.kit.downloads import Content
from tunesmith.server.kit.errors import BadRequestError, NotFoundError, UnavailableError
from tunesmith.storage.chunks import part
from tunesmith.storage.errors import StorageError
from tunesmith.storage.files import FileInfo, Files


@dataclass(frozen=True)
class Selection:
    """Which files are wanted: by name, as list_files shows them or without the folder of the results."""

    names: Sequence[str] = ()
    best: bool = False
    latest: bool = False


class Results:
    """The results of one job, listed once."""

    def __init__(self, job_id: UUID, files: Files, folder: str) -> None:
        """The folder is the one of the results in the workspace, where `files` begin."""
        self._job_id = job_id
        self._files = files
        self._prefix = f"{folder}/"
        with as_service_error():
            self._found = {info.key: info for info in files.list()}

    @property
    def names(self) -> list[str]:
        """The files as the API names them."""
        return [f"{self._prefix}{key}" for key in self._found]

    @property
    def keys(self) -> list[str]:
        """The files relative to the results."""
        return list(self._found)

    def chosen(self, wanted: Selection) -> list[FileInfo]:
        """The files wanted, each once.

        Raises:
            BadRequestError: nothing is wanted.
            NotFoundError: one of them is not in the listing.
        """
        keys = [name.removeprefix(self._prefix) for name in wanted.names]
        keys += [BEST] if wanted.best else []
        keys += [LATEST] if wanted.latest else []
        if not keys:
            raise BadRequestError(
                "No files passed in the request: set file_lists, best_model or latest_model"
            )
        for key in keys:
            if key not in self._found:
                raise NotFoundError(
                    f"Job {self._job_id} has no file {key!r}; GET :list_files names those it has"
                )
        return [self._found[key] for key in dict.fromkeys(keys)]

    def content(self, info: FileInfo) -> Content:
        """One file as it is."""
        name = info.key.rsplit("/", maxsplit=1)[-1]
        return Content(name, info.size, _etag(_state(info)), partial(self._files.stream, info))

    def archive(self, infos: Sequence[FileInfo] | None = None, log: Log | None = None) -> Content:
        """Files, all by default, and the log: `<job id>/...` and `<job id>.txt` in a tar.gz."""
        chosen = list(self._found.values()) if infos is None else infos
        members = [self._member(info) for info in chosen]
        state = [FORMAT, str(self._job_id), *map(_state, chosen)]
        if log:
            rest = partial(_rest_of, log)
            members.append(Member(f"{self._job_id}.txt", log.size, log.modified, rest))
            state.append([log.size, log.modified])
        archive = Archive(members)
        return Content(f"{self._job_id}.tar.gz", archive.size, _etag(state), archive.read)

    def _member(self, info: FileInfo) -> Member:
        name = f"{self._prefix.removeprefix('results/')}{info.key}"
        return Member(name, info.size, info.modified.timestamp(), partial(self._files.stream, info))


def _rest_of(log: Log, start: int) -> Iterator[bytes]:
    return part(log.read(), start, log.size - start)


def _state(info: FileInfo) -> list[Any]:
    return [info.key, info.size, info.etag, info.modified.timestamp()]


def _etag(state: list[Any]) -> str:
    """Says that two downloads have the same bytes, whichever server sends them."""
    return f'"{hashlib.sha256(json.dumps(state).encode()).hexdigest()}"'


@contextmanager
def as_service_error() -> Iterator[None]:
    """Tell the client what is wrong with its store."""
    try:
        yield
    except StorageError as error:
        raise UnavailableError(str(error)) from None
