"""Finds where an earlier attempt of a training got to, on this machine or, if that was another one, in the
workspace."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from tunesmith.protocol import ResultsTarget
from tunesmith.storage.errors import StorageError
from tunesmith.storage.files import FileInfo
from tunesmith.training.engine.checkpoints import (
    BEST,
    LATEST,
    PREFIX,
    Checkpoints,
    Found,
    TornCheckpointError,
    load_checkpoint,
)
from tunesmith.training.engine.seals import NOWHERE, TAIL_BYTES, Position, Seal, find_seal, read_seal
from tunesmith.training.run import Run


def newest_state(run: Run) -> dict[str, Any] | None:
    """The state of an earlier attempt that got furthest and is whole; None if there is none.

    Says in notes from where the training goes on, and which checkpoints were passed over. Results that the
    workspace has are not published again. Checkpoints of other epochs stay there: nothing here needs them.

    Raises:
        StorageError: there is nothing on this machine, and the workspace cannot be read.
    """
    here, torn = Checkpoints(run.results, run.scratch).newest_whole()
    for path in torn:
        _note_torn(run, path.name, "on this machine")
    there = _from_workspace(run, here)
    found = there or here
    if found is None:
        run.note("There is no whole checkpoint of the earlier attempt; the training begins anew.")
        return None
    where = "in the workspace" if there else "on this machine"
    epochs, steps = found.position
    run.note(
        f"The training goes on after epoch {epochs}, step {steps} of the next one, from the checkpoint "
        f"{found.path.name} {where}."
    )
    return found.state


def _from_workspace(run: Run, here: Found | None) -> Found | None:
    """What the workspace has beyond what is here."""
    if run.request.results is None:
        return None
    try:
        workspace = _Workspace(run, run.request.results)
        found = workspace.fetch_beyond(here)
    except StorageError as error:
        if here is None:
            raise
        run.note(f"{error} Whether the workspace has a newer checkpoint is not known.")
        return None
    if found:
        workspace.fetch_rest()
    else:
        workspace.mark_same()
    return found


class _Workspace:
    """The results of a job as its workspace has them."""

    def __init__(self, run: Run, target: ResultsTarget) -> None:
        self._run = run
        self._files = run.files(target.location)
        self._infos = {info.key: info for info in self._files.list()}

    def fetch_beyond(self, here: Found | None) -> Found | None:
        """The latest checkpoint, or the newest whole one, if it is beyond the one that is here; fetched."""
        for info in self._newest_first():
            if here and self._position(info) <= here.position:
                return None
            fetched = self._download(info)
            try:
                state = load_checkpoint(fetched)
            except TornCheckpointError:
                fetched.unlink()
                _note_torn(self._run, info.key, "in the workspace")
            else:
                return Found(self._take(fetched, info), state)
        return None

    def fetch_rest(self) -> None:
        """Fetch what else a training that goes on must have: the best checkpoint, and all but checkpoints."""
        for info in self._infos.values():
            if self._is_wanted(info):
                self._take(self._download(info), info)

    def mark_same(self) -> None:
        """Checkpoints that are here as they are there need not be published again."""
        for info in self._infos.values():
            if _is_checkpoint(info.key) and self._is_here(info):
                self._run.uploads.mark(self._run.results / info.key)

    def _newest_first(self) -> Iterator[FileInfo]:
        if LATEST in self._infos:
            yield self._infos[LATEST]
        others = [info for key, info in self._infos.items() if _is_checkpoint(key) and key != LATEST]
        yield from sorted(others, key=self._position, reverse=True)

    def _position(self, info: FileInfo) -> Position:
        seal = self._seal(info)
        return seal.position if seal else NOWHERE

    def _is_wanted(self, info: FileInfo) -> bool:
        if _is_checkpoint(info.key):
            return info.key == BEST and not self._is_here(info)
        return not (self._run.results / info.key).exists()

    def _is_here(self, info: FileInfo) -> bool:
        path = self._run.results / info.key
        if not path.exists() or path.stat().st_size != info.size:
            return False
        seal = read_seal(path)
        return seal is not None and seal == self._seal(info)

    def _seal(self, info: FileInfo) -> Seal | None:
        """The seal of a checkpoint there, of which nothing else is read."""
        tail = self._files.stream(info.key, start=max(0, info.size - TAIL_BYTES))
        return find_seal(b"".join(tail))

    def _download(self, info: FileInfo) -> Path:
        fetched = self._run.scratch / "fetched" / info.key
        self._files.download(info.key, fetched)
        return fetched

    def _take(self, fetched: Path, info: FileInfo) -> Path:
        """Make a fetched file a result, which need not be published again."""
        path = self._run.results / info.key
        path.parent.mkdir(parents=True, exist_ok=True)
        fetched.replace(path)
        self._run.uploads.mark(path)
        return path


def _is_checkpoint(key: str) -> bool:
    return key.startswith(PREFIX) and key.endswith(".pth")


def _note_torn(run: Run, name: str, where: str) -> None:
    run.note(f"The checkpoint {name} {where} is not whole, as after a crash; it is passed over.")
