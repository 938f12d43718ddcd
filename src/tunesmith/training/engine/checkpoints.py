"""Checkpoints on disk: written whole or not at all, and read only if whole."""

import os
import pickle
import shutil
import zipfile
from pathlib import Path
from typing import Any, cast

import torch

PREFIX = "model_"
LATEST = "model_latest.pth"
BEST = "model_best.pth"


class TornCheckpointError(Exception):
    """A checkpoint is not whole; the message names the file."""


class Checkpoints:
    """The checkpoints in a results folder.

    A state is written once, as the latest; the best one and those of kept epochs are further names (hard
    links) of the same file, so that a large model costs one write an epoch.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def save(self, state: dict[str, Any]) -> Path:
        """Write the latest state. Until it is on the disk, the one before it keeps its name."""
        self._folder.mkdir(parents=True, exist_ok=True)
        target = self._folder / LATEST
        part = _part(target)
        with part.open("wb") as file:
            torch.save(state, file)
            file.flush()
            os.fsync(file.fileno())
        part.replace(target)
        _sync_folder(self._folder)
        return target

    def keep(self, name: str) -> Path:
        """Give the latest state another name, which it keeps when the next one is written."""
        target = self._folder / name
        part = _part(target)
        part.unlink(missing_ok=True)
        try:
            os.link(self._folder / LATEST, part)
        except OSError:  # the file system has no hard links
            shutil.copyfile(self._folder / LATEST, part)
        part.replace(target)
        # Renaming one name of a file to another name of the same file does nothing.
        part.unlink(missing_ok=True)
        return target

    def newest_whole(self) -> tuple[dict[str, Any] | None, list[Path]]:
        """The newest state that is whole, if any, and the torn files that were passed over."""
        found = sorted(self._folder.glob(f"{PREFIX}*.pth"), key=lambda path: path.stat().st_mtime_ns)
        found.sort(key=lambda path: path.name != LATEST, reverse=True)
        torn: list[Path] = []
        for path in reversed(found):
            try:
                return load_checkpoint(path), torn
            except TornCheckpointError:
                torn.append(path)
        return None, torn


def epoch_name(epoch: int) -> str:
    """The name under which an epoch's state is kept."""
    return f"{PREFIX}epoch_{epoch:03d}.pth"


def load_checkpoint(path: Path) -> dict[str, Any]:
    """The state in a file, on the processor. Only plain data and tensors are read, never code.

    Raises:
        TornCheckpointError: the file is cut short, damaged, or no checkpoint of a training.
    """
    try:
        with zipfile.ZipFile(path) as archive:
            damaged = archive.testzip()
        if damaged is None:
            state = torch.load(path, map_location="cpu", weights_only=True)
            if isinstance(state, dict) and "model" in state:
                return cast("dict[str, Any]", state)
    except (zipfile.BadZipFile, pickle.UnpicklingError, EOFError, RuntimeError) as error:
        raise TornCheckpointError(f"{path.name} is not a whole checkpoint.") from error
    raise TornCheckpointError(f"{path.name} is not a whole checkpoint.")


def _part(path: Path) -> Path:
    return path.with_name(f"{path.name}.part")


def _sync_folder(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
