"""Looks into pulled datasets of images or videos without labels."""

from collections import defaultdict
from collections.abc import Collection
from pathlib import Path, PurePosixPath

from tunesmith.data.errors import FileFlawError
from tunesmith.data.findings import Counts
from tunesmith.data.image_tree import is_image
from tunesmith.data.inside import Inside
from tunesmith.data.layout import archive_stem
from tunesmith.data.loose_files import loose_files
from tunesmith.data.types import DatasetType
from tunesmith.data.videos import check_video, is_video


def check(inside: Inside) -> Counts:
    """Look into a pulled dataset: how many images and videos there are, and which are broken.

    Raises:
        PullStoppedError: asked to stop.
    """
    kind = inside.layout.type
    images, videos, others = [], [], []
    for path in loose_files(inside.folder):
        if is_image(path) and kind != DatasetType.MAXINE_DATASET:
            images.append(path)
        elif is_video(path) and kind != DatasetType.NOT_RESTRICTED:
            videos.append(path)
        else:
            others.append(path)
    if not images and not videos:
        inside.findings.error(
            "empty",
            "the dataset",
            "holds no image or video that is used",
            "Upload some, or correct the path.",
        )
    for path in others:
        inside.findings.warning("other", inside.member(path), "is left out", "Nothing need be done.")
    check_archives(inside)
    check_videos(inside, videos)
    # Whoever has images validated wants to hear of the broken ones, and to be able to run the job.
    decoded = inside.decode(images, tolerant=kind == DatasetType.NOT_RESTRICTED)
    return {"images": len(images), "videos": len(videos), "decoded": decoded}


def check_videos(inside: Inside, videos: Collection[Path]) -> None:
    """Report videos that are broken, as far as their heads tell."""
    for path in videos:
        inside.keep_going()
        try:
            check_video(path)
        except FileFlawError as flaw:
            inside.flawed("video", path, flaw)


def check_archives(inside: Inside) -> None:
    """Report archives that would be unpacked into one folder: of these only the first is."""
    files = inside.folder.files
    keys = (path.relative_to(files).as_posix() for path in files.rglob("*") if path.is_file())
    by_stem: dict[str, list[str]] = defaultdict(list)
    for key in keys:
        if stem := archive_stem(key):
            by_stem[stem].append(key)
    for stem, same in sorted(by_stem.items()):
        above = next((other for other in _above(stem) if other in by_stem), None)
        if len(same) > 1 or above:
            inside.findings.error(
                "archives",
                max(same),
                f"would be unpacked into the folder of {by_stem[above][0] if above else min(same)}",
                "Give each archive a name and a folder of its own.",
            )


def _above(stem: str) -> list[str]:
    return [str(parent) for parent in PurePosixPath(stem).parents]
