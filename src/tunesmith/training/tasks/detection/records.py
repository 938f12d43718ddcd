"""Datasets of boxes in TFRecord files of the workspace."""

import re
from collections.abc import Sequence
from fnmatch import fnmatchcase
from pathlib import Path

from tunesmith.data.coco_data import CocoData
from tunesmith.data.coco_records import unpack_shards
from tunesmith.data.errors import DatasetError
from tunesmith.protocol import Cause
from tunesmith.storage.locations import Location
from tunesmith.training.failures import JobError
from tunesmith.training.run import Run
from tunesmith.training.tasks.detection.annotations import Annotated

_WILD = re.compile(r"[*?\[]")


def open_records(run: Run, patterns: Sequence[str], name: str) -> Annotated:
    """The images and boxes in all record files that fit one of the patterns.

    Args:
        run: the job, in whose workspace they are.
        patterns: keys, counted from the workspace's root; `*` and `?` stand for other letters.
        name: of what they are for, for messages: "train".

    Raises:
        StoppedError: asked to stop meanwhile.
        DatasetError: there are none, or one is damaged.
        StorageError: the workspace cannot be reached.
    """
    if run.request.results is None:
        raise JobError(Cause.BAD_SPEC, f"dataset.{name}_tfrecords: the job has no workspace to find them in.")
    folder = run.scratch / f"records_{name}_{run.seat.rank}"
    paths = run.interruptible(lambda: _fetch(run, patterns, folder / "arrived"))
    if not paths:
        raise DatasetError(f"The workspace holds no file that fits {', '.join(patterns)}.")
    unpack_shards(paths, folder, on_image=lambda _: run.raise_if_stopped())
    return Annotated(f"the {name} record files", CocoData.open(folder))


def _fetch(run: Run, patterns: Sequence[str], folder: Path) -> list[Path]:
    """The files on this machine, in the order of their names."""
    assert run.request.results is not None  # noqa: S101 - the caller has looked
    files = run.files(Location(store=run.request.results.location.store))
    folder.mkdir(parents=True, exist_ok=True)
    found: dict[str, Path] = {}
    for pattern in (one.strip("/") for one in patterns):
        # Only the folder that the pattern leads to is listed.
        prefix = _WILD.split(pattern, maxsplit=1)[0].rpartition("/")[0]
        inside = run.files(Location(store=run.request.results.location.store, prefix=prefix))
        for info in inside.list():
            key = f"{prefix}/{info.key}".strip("/")
            if fnmatchcase(key, pattern) and key not in found:
                found[key] = folder / f"{len(found):06d}.tfrecord"
                files.download(key, found[key])
    return [found[key] for key in sorted(found)]
