"""Looks into point clouds and label files: what every dataset of objects in space has."""

from collections import Counter
from collections.abc import Collection, Mapping
from pathlib import Path

from tunesmith.data.decoding import sample
from tunesmith.data.errors import FileFlawError
from tunesmith.data.inside import Inside
from tunesmith.data.kitti3d import read_objects
from tunesmith.data.lidar import CloudFacts, count_points, examine
from tunesmith.data.progress import PullProgress

_MOST_CLASSES = 1000


def check_clouds(inside: Inside, clouds: Collection[Path]) -> int:
    """Look at the size of every point cloud, and at the values of all or of a sample; how many were read."""
    ordered = sorted(clouds)
    chosen = ordered if inside.all_images else sample(ordered)
    whole = set(chosen)
    for done, path in enumerate(ordered):
        inside.keep_going()
        inside.on_progress(PullProgress("checking", done, len(ordered)))
        try:
            if path in whole:
                _note(inside, path, examine(path))
            else:
                count_points(path)
        except FileFlawError as flaw:
            inside.flawed("cloud", path, flaw)
    return len(chosen)


def _note(inside: Inside, path: Path, facts: CloudFacts) -> None:
    if facts.dropped:
        inside.findings.warning(
            "no number",
            inside.member(path),
            f"has {facts.dropped} points whose values are no numbers: they are left out",
            "Nothing need be done; store points that the lidar did not measure not at all.",
        )
    if facts.brightest > 1:
        inside.findings.warning(
            "intensity",
            inside.member(path),
            f"has intensities of up to {facts.brightest:g}, while weights of others expect 0 to 1",
            "Divide the intensities by their largest value, or train from scratch.",
        )


def count_objects(inside: Inside, labels: Mapping[str, Path]) -> dict[str, int]:
    """How many objects of each class the label files hold; what is wrong with one is a finding."""
    counts: Counter[str] = Counter()
    for path in labels.values():
        inside.keep_going()
        try:
            objects = read_objects(path)
        except FileFlawError as flaw:
            inside.flawed("label", path, flaw)
            continue
        counts.update(one.name for one in objects)
        if not objects:
            inside.findings.warning(
                "no object",
                inside.member(path),
                "labels no object: its sweep teaches the background alone",
                "Label its objects, or remove the sweep and the label if there are too many like it.",
            )
    if len(counts) > _MOST_CLASSES:
        inside.findings.error(
            "classes",
            "labels",
            f"name {len(counts)} classes, more than {_MOST_CLASSES}",
            "Write the class, and not the name of the single object, in the first column.",
        )
    return dict(sorted(counts.most_common(_MOST_CLASSES)))
