"""Looks into pulled action recognition datasets: frames by modality, actions by split."""

from collections import Counter

from tunesmith.data.findings import Counts
from tunesmith.data.frames import COLOURS, FLOW, MODALITIES, SPLITS, FrameData, Modality, Split, Video, Videos
from tunesmith.data.inside import Inside

_MOST_CLASSES = 1000
_LAYOUT = "<action>/<video>/rgb/<frame>.png, and the same in u and v"


def check(inside: Inside) -> Counts:
    """Look into a pulled dataset: counts by split and action, and findings.

    Raises:
        PullStoppedError: asked to stop.
    """
    data = FrameData(inside.folder)
    found = {split: data.videos(split) for split in SPLITS}
    for split, videos in found.items():
        _check_split(inside, split, videos)
    _check_actions(inside, set(found["train"].actions()), set(found["test"].actions()))
    frames = [
        path
        for videos in found.values()
        for video in videos.videos
        for paths in video.frames.values()
        for path in paths
    ]
    return {
        "videos": {str(split): len(videos.videos) for split, videos in found.items()},
        "classes": {str(split): _per_action(videos) for split, videos in found.items()},
        "frames": {str(split): _per_modality(videos) for split, videos in found.items()},
        "decoded": inside.decode(frames),
    }


def _per_action(videos: Videos) -> dict[str, int]:
    return dict(Counter(video.action for video in videos.videos).most_common(_MOST_CLASSES))


def _per_modality(videos: Videos) -> dict[str, int]:
    return {
        modality: sum(len(video.frames.get(modality, ())) for video in videos.videos)
        for modality in MODALITIES
    }


def _check_split(inside: Inside, split: Split, videos: Videos) -> None:
    for path in videos.misplaced:
        fault = "lies in no folder rgb, u or v of a video of an action, and is left out"
        inside.findings.warning("misplaced", inside.member(path), fault, f"Move it: {_LAYOUT}.")
    if not any(video.has(COLOURS) or video.has(FLOW) for video in videos.videos):
        fault = "holds no video with frames in rgb, or in u and v"
        inside.findings.error("empty", f"{split}.tar.gz", fault, f"Lay it out as {_LAYOUT}.")
    shown = {modality for video in videos.videos for modality in video.frames}
    for video in videos.videos:
        inside.keep_going()
        _check_video(inside, video, shown)


def _check_video(inside: Inside, video: Video, shown: set[Modality]) -> None:
    counts = {modality: len(video.frames.get(modality, ())) for modality in MODALITIES if modality in shown}
    missing = [modality for modality, count in counts.items() if not count]
    member = inside.member(video.folder)
    if missing:
        inside.findings.warning(
            "modality",
            member,
            f"has no frame in {', '.join(missing)}: it is left out where they are needed",
            "Add the frames, or remove the video.",
        )
    # Flow lies between two frames: a video may have one less of it than of colours.
    elif max(counts.values()) - min(counts.values()) > 1 or counts.get("u") != counts.get("v"):
        told = ", ".join(f"{count} in {modality}" for modality, count in counts.items())
        inside.findings.warning(
            "frames",
            member,
            f"has {told}: the frames beyond the shortest are left out",
            "Give each modality the same number of frames.",
        )


def _check_actions(inside: Inside, train: set[str], test: set[str]) -> None:
    if not train or not test:
        return
    if not train & test:
        fault = "has no action in common with train.tar.gz: nothing can be measured"
        inside.findings.error("actions", "test.tar.gz", fault, "Name the folders of actions alike.")
        return
    for name in sorted(test - train):
        inside.findings.warning(
            "unknown action",
            "test.tar.gz",
            f"has the action {name[:80]!r}, of which train.tar.gz has no video: it is not measured",
            "Add videos of the action to train.tar.gz, or remove it.",
        )
    for name in sorted(train - test):
        inside.findings.warning(
            "unmeasured",
            "train.tar.gz",
            f"has the action {name[:80]!r}, of which test.tar.gz has no video: it is learnt, not measured",
            "Add videos of the action to test.tar.gz.",
        )
