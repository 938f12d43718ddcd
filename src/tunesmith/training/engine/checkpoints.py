"""Checkpoints on disk: written whole or not at all, sealed, and read only if whole."""

import os
import pickle
import shutil
import zipfile
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any, cast

import torch

from tunesmith.protocol import DISK_FULL, Cause
from tunesmith.training.engine.seals import NOWHERE, Position, SealingWriter, is_unsealed, is_whole, read_seal
from tunesmith.training.failures import MORE_ROOM, JobError

PREFIX = "model_"
LATEST = "model_latest.pth"
BEST = "model_best.pth"
PREVIOUS = "model_previous.pth"


class TornCheckpointError(Exception):
    """A checkpoint is not whole; the message names the file."""


@dataclass(frozen=True)
class Found:
    """A whole checkpoint."""

    path: Path
    state: dict[str, Any]

    @property
    def position(self) -> Position:
        """Where in the training it was taken."""
        return position_of(self.state)


class Checkpoints:
    """The checkpoints in a results folder.

    A state is written once, as the latest; the best one and those of kept epochs are further names (hard
    links) of the same file, so that a large model costs one write an epoch.

    Args:
        folder: where they are.
        aside: a folder of the same disk for what nobody is to see: the latest checkpoint but one, which is
            there if the latest turns out to be damaged, and damaged ones.
    """

    def __init__(self, folder: Path, aside: Path) -> None:
        self._folder = folder
        self._aside = aside

    def save(self, state: dict[str, Any], names: Iterable[str] = ()) -> None:
        """Write the latest state, under further names too. Until it is on the disk, the one before it keeps
        its name.

        The name of the latest comes last: a kill in between leaves a latest one from which all other names
        are written again.

        Raises:
            JobError: the disk is full; what was there before is as it was.
        """
        for folder in (self._folder, self._aside):
            folder.mkdir(parents=True, exist_ok=True)
        part = _part(self._folder / LATEST)
        with _room_for(state, part):
            _write(state, part)
            for name in names:
                _link(part, self._folder / name)
            self._put_latest_aside()
            part.replace(self._folder / LATEST)
            _sync_folder(self._folder)

    def keep(self, source: str, name: str) -> None:
        """Give a checkpoint another name, which it keeps when the first name moves on."""
        _link(self._folder / source, self._folder / name)
        _sync_folder(self._folder)

    def newest_whole(self) -> tuple[Found | None, list[Path]]:
        """The newest state that is whole, if any, and the torn files that were passed over.

        Torn files are put aside: they are no results.
        """
        torn: list[Path] = []
        for path in self._newest_first():
            try:
                return Found(path, load_checkpoint(path)), torn
            except TornCheckpointError:
                torn.append(path)
                path.replace(self._aside / f"torn_{path.name}")
        return None, torn

    def restore_best(self, epoch: int) -> bool:
        """See to it that the best checkpoint is that of this epoch; False if there is none of it.

        A worker that was killed while it saved may have left another one under that name.
        """
        best, wanted = self._folder / BEST, Position(epoch, 0)
        if best.exists() and _position(best) in (wanted, None):
            return True
        same = next((path for path in self._all() if _position(path) == wanted), None)
        if same:
            self.keep(same.name, BEST)
        return same is not None

    def _all(self) -> list[Path]:
        return list(self._folder.glob(f"{PREFIX}*.pth"))

    def _newest_first(self) -> Iterator[Path]:
        """Clocks jump: the order is that of the training."""
        found = [*self._all(), *self._aside.glob(PREVIOUS)]
        yield from sorted(
            found, key=lambda path: (path.name == LATEST, _position(path) or NOWHERE), reverse=True
        )

    def _put_latest_aside(self) -> None:
        with suppress(FileNotFoundError):
            _link(self._folder / LATEST, self._aside / PREVIOUS)


def save_model(state: dict[str, Any], path: Path) -> None:
    """Write a model that no training goes on from, whole or not at all.

    Raises:
        JobError: the disk is full.
    """
    part = _part(path)
    with _room_for(state, part):
        _write(state, part)
    part.replace(path)
    _sync_folder(path.parent)


def epoch_name(epoch: int) -> str:
    """The name under which an epoch's state is kept."""
    return f"{PREFIX}epoch_{epoch:03d}.pth"


def position_of(state: Mapping[str, Any]) -> Position:
    """Where in its training a state was taken."""
    return Position(state["done"]["epochs"], state["done"]["steps"])


def load_checkpoint(path: Path) -> dict[str, Any]:
    """The state in a file, on the processor. Only plain data and tensors are read, never code.

    Raises:
        TornCheckpointError: the file is cut short, damaged, or no checkpoint of a training.
    """
    try:
        if _is_undamaged(path):
            state = torch.load(path, map_location="cpu", weights_only=True)
            if isinstance(state, dict) and "model" in state:
                return cast("dict[str, Any]", state)
    except (zipfile.BadZipFile, pickle.UnpicklingError, EOFError, RuntimeError) as error:
        raise TornCheckpointError(f"{path.name} is not a whole checkpoint.") from error
    raise TornCheckpointError(f"{path.name} is not a whole checkpoint.")


def _is_undamaged(path: Path) -> bool:
    """By its seal. Files of before there were seals have the sums of their archive's parts alone."""
    if seal := read_seal(path):
        return is_whole(path, seal)
    if not is_unsealed(path):
        return False
    with zipfile.ZipFile(path) as archive:
        return archive.testzip() is None


def _position(path: Path) -> Position | None:
    seal = read_seal(path)
    return seal.position if seal else None


def _write(state: dict[str, Any], part: Path) -> None:
    with part.open("wb") as file:
        writer = SealingWriter(file)
        try:
            torch.save(state, cast("IO[bytes]", writer))
        except RuntimeError:
            raise writer.failure or RuntimeError(f"{part.name} could not be written") from None
        writer.seal(position_of(state))
        file.flush()
        os.fsync(file.fileno())


@contextmanager
def _room_for(state: dict[str, Any], part: Path) -> Iterator[None]:
    """Say what is missing if the disk has no room for a state, and leave no part of it behind."""
    needed = _bytes_of(state)
    try:
        if (free := shutil.disk_usage(part.parent).free) < needed:
            raise _no_room(part.parent, needed, free)
        yield
    except OSError as error:
        part.unlink(missing_ok=True)
        if error.errno not in DISK_FULL:
            raise
        free = shutil.disk_usage(part.parent).free
        raise _no_room(part.parent, needed, free, error.strerror or "") from error


def _no_room(folder: Path, needed: int, free: int, reason: str = "") -> JobError:
    told = f" ({reason})" if reason else ""
    return JobError(
        Cause.STORAGE,
        f"The checkpoint needs {needed / 1e6:.1f} MB in {folder}, where {free / 1e6:.1f} MB are free{told}; "
        "the one before it is whole.",
        MORE_ROOM,
    )


def _bytes_of(state: dict[str, Any]) -> int:
    """What the tensors in a state take, each once; the rest is small."""
    return sum({one.data_ptr(): one.nbytes() for one in _storages(state)}.values())


def _storages(value: Any) -> Iterator[torch.UntypedStorage]:
    match value:
        case torch.Tensor():
            yield value.untyped_storage()
        case dict():
            yield from _storages(list(value.values()))
        case list() | tuple():
            for one in value:
                yield from _storages(one)


def _link(source: Path, target: Path) -> None:
    """Give a file another name on the same disk, whatever had that name before."""
    part = _part(target)
    part.unlink(missing_ok=True)
    try:
        os.link(source, part)
    except FileNotFoundError:
        raise
    except OSError:  # the file system has no hard links
        _copy(source, part)
    part.replace(target)
    # Renaming one name of a file to another name of the same file does nothing.
    part.unlink(missing_ok=True)


def _copy(source: Path, target: Path) -> None:
    with source.open("rb") as read, target.open("wb") as written:
        shutil.copyfileobj(read, written)
        written.flush()
        os.fsync(written.fileno())


def _part(path: Path) -> Path:
    return path.with_name(f"{path.name}.part")


def _sync_folder(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
