"""Looks into pulled datasets of conversations about images and videos."""

from pathlib import Path

from tunesmith.data.checks.media import check_archives, check_videos
from tunesmith.data.conversations import (
    DATASET_FILE,
    Conversation,
    Part,
    read_conversations,
    read_parts,
)
from tunesmith.data.errors import FileFlawError
from tunesmith.data.findings import Counts
from tunesmith.data.image_tree import is_image
from tunesmith.data.inside import Inside
from tunesmith.data.loose_files import FileIndex
from tunesmith.data.videos import is_video


def check(inside: Inside) -> Counts:
    """Look into a pulled dataset: counts by part, and findings.

    Raises:
        PullStoppedError: asked to stop.
    """
    path = inside.file(DATASET_FILE)
    try:
        parts = read_parts(path)
    except FileFlawError as flaw:
        inside.flawed("parts", path, flaw)
        return {}
    check_archives(inside)
    looked = _Look(inside)
    counts = {part.name: looked.count(part) for part in parts}
    images = [path for path in looked.media if is_image(path)]
    videos = [path for path in looked.media if is_video(path)]
    check_videos(inside, videos)
    return {
        "conversations": counts,
        "images": len(images),
        "videos": len(videos),
        "decoded": inside.decode(images),
    }


class _Look:
    """One look at all parts. `media` are the files that their conversations are about."""

    def __init__(self, inside: Inside) -> None:
        self._inside = inside
        self._index = FileIndex(inside.folder)
        self.media: dict[Path, None] = {}

    def count(self, part: Part) -> int:
        """How many conversations of a part can be used."""
        path = self._index.find(part.data_path)
        if path is None:
            self._inside.findings.error(
                "no data",
                DATASET_FILE,
                f"names {part.data_path[:200]!r}, which the dataset does not hold",
                "Upload the file, and write its path relative to dataset.yaml.",
            )
            return 0
        try:
            whole = sum(self._usable(part, path, one) for one in read_conversations(path))
        except FileFlawError as flaw:
            self._inside.flawed("conversations", path, flaw)
            return 0
        if not whole:
            self._inside.findings.error(
                "empty",
                self._inside.member(path),
                "holds no conversation that can be used",
                "Write some conversations into it.",
            )
        return whole

    def _usable(self, part: Part, path: Path, found: Conversation | FileFlawError) -> bool:
        self._inside.keep_going()
        if isinstance(found, FileFlawError):
            self._inside.flawed("conversation", path, found)
            return False
        if not found.answered and not self._inside.only_for_testing:
            self._inside.findings.warning(
                "unanswered",
                self._inside.member(path),
                f"has a conversation without an answer: {found.turns[0].text[:60]!r}; it teaches nothing",
                'Add a turn {"from": "gpt", "value": TEXT}, or remove the conversation.',
            )
        here = [self._index.find(one, part.media_dir) for one in found.media]
        self.media.update(dict.fromkeys(one for one in here if one))
        for named, medium in zip(found.media, here, strict=True):
            if medium is None:
                self._refuse(path, named, "which the dataset does not hold")
            elif not is_image(medium) and not is_video(medium):
                self._refuse(path, named, "whose suffix is neither an image's nor a video's")
        return all(here)

    def _refuse(self, path: Path, named: str, why: str) -> None:
        self._inside.findings.error(
            why,
            self._inside.member(path),
            f"is about {named[:200]!r}, {why}",
            "Upload the image or video, and write its path relative to media_dir.",
        )
