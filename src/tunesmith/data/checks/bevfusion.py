"""Looks into pulled BEVFusion datasets: the lists of frames against the files, in both directions."""

from collections.abc import Collection

from tunesmith.data.bevfusion import SPLITS, BevfusionData, Folder, Split
from tunesmith.data.calibration import read_calibration
from tunesmith.data.checks.clouds import check_clouds, count_objects
from tunesmith.data.errors import FileFlawError
from tunesmith.data.findings import Counts
from tunesmith.data.inside import Inside
from tunesmith.data.types import Intent

_NEEDED = {
    Intent.TRAINING: ("train", "val"),
    Intent.EVALUATION: ("val",),
    Intent.TESTING: ("test",),
}


def check(inside: Inside) -> Counts:
    """Look into a pulled dataset: counts by split, and findings.

    Raises:
        PullStoppedError: asked to stop.
    """
    data = BevfusionData(inside.folder)
    names = {split: _names(inside, data, split) for split in SPLITS}
    for split in SPLITS:
        _check_files(inside, data.folder(split), split, names[split])
    _check_unlisted(inside, data.training, "training.tar.gz", {*names["train"], *names["val"]})
    _check_unlisted(inside, data.testing, "testing.tar.gz", names["test"])
    _check_shared(inside, names)
    _check_calibrations(inside, data)
    objects = {split: _objects(inside, data.training, split, names[split]) for split in ("train", "val")}
    folders = (data.training, data.testing)
    return {
        "frames": {str(split): len(names[split]) for split in SPLITS},
        "objects": objects,
        "read": check_clouds(inside, [path for one in folders for path in one.points.by_key.values()]),
        "decoded": inside.decode([path for one in folders for path in one.images.by_key.values()]),
    }


def _names(inside: Inside, data: BevfusionData, split: Split) -> list[str]:
    path = data.list_file(split)
    try:
        names = data.names(split)
    except FileFlawError as flaw:
        inside.flawed("list", path or inside.archive("ImageSets"), flaw)
        return []
    if not names:
        uses = inside.intents or (Intent.TRAINING, Intent.EVALUATION)
        needed = any(split in _NEEDED[Intent(use)] for use in uses)
        note = inside.findings.error if needed else inside.findings.warning
        note(
            "list",
            "ImageSets.tar.gz",
            f"has no {split}.txt that names a frame",
            f"Write the ids of the frames of the {split} split into it, one a line.",
        )
    return names


def _check_files(inside: Inside, folder: Folder, split: Split, names: Collection[str]) -> None:
    archive = "testing" if split == "test" else "training"
    for part, found in folder.parts().items():
        if part == "label_2" and split == "test":
            continue
        for name in names:
            if name not in found.by_key:
                inside.findings.error(
                    f"no {part}",
                    f"{archive}.tar.gz/{part}",
                    f"has no file {name[:80]!r}, which {split}.txt names",
                    f"Add the file, or remove the line from {split}.txt.",
                )


def _check_unlisted(inside: Inside, folder: Folder, archive: str, listed: Collection[str]) -> None:
    known = set(listed)
    for name in sorted(folder.points.by_key.keys() - known):
        inside.findings.warning(
            "unlisted",
            f"{archive}/velodyne",
            f"holds {name!r}, which no list of ImageSets names: it is left out",
            "Add its id to a list, or remove its files.",
        )
    for part, found in folder.parts().items():
        for name in sorted(found.by_key.keys() - folder.points.by_key.keys() - known):
            inside.findings.warning(
                "alone",
                f"{archive}/{part}",
                f"holds {name!r}, of which velodyne has no point cloud: it is left out",
                "Add velodyne/<the same name>.bin, or remove it.",
            )
        for path in found.repeated:
            inside.findings.warning(
                "repeated",
                inside.member(path),
                "has the id of another file and is left out",
                "Give each frame an id of its own.",
            )


def _check_shared(inside: Inside, names: dict[Split, list[str]]) -> None:
    if shared := set(names["train"]).intersection(names["val"]):
        inside.findings.warning(
            "shared",
            "ImageSets.tar.gz",
            f"{len(shared)} frames are in train.txt and in val.txt: what is measured on them is too good",
            "Keep each frame in one of the two lists.",
        )


def _check_calibrations(inside: Inside, data: BevfusionData) -> None:
    for folder in (data.training, data.testing):
        for path in folder.calibrations.by_key.values():
            inside.keep_going()
            try:
                read_calibration(path)
            except FileFlawError as flaw:
                inside.flawed("calibration", path, flaw)


def _objects(inside: Inside, folder: Folder, split: str, names: Collection[str]) -> dict[str, int]:
    labels = {name: folder.labels.by_key[name] for name in names if name in folder.labels.by_key}
    counts = count_objects(inside, labels)
    if labels and not counts:
        inside.findings.error(
            "no label", "training.tar.gz", f"labels no object in the frames of {split}.txt", "Label them."
        )
    return counts
