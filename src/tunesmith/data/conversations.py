"""Datasets for vision language models: conversations about images and videos, named in dataset.yaml.

`dataset.yaml` has an entry a part: its name, and below it `data_path` (a JSON or JSON Lines file of
conversations) and `media_dir` (the folder to which the paths of images and videos in it are relative; if it
is not given, the folder of the file).
"""

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import count
from pathlib import Path, PurePosixPath
from typing import Any

import yaml

from tunesmith.data.errors import FileFlawError
from tunesmith.data.text_files import parse_json, printable, read_json, read_text

DATASET_FILE = "dataset.yaml"
ASKS, ANSWERS = "human", "gpt"

_YAML_LIMIT = 1 << 20
_LONGEST_LINE = 16 << 20
_MEDIA_KEYS = ("image", "images", "video", "videos")
_REMEDY = "Write for each part its name, and below it data_path and media_dir."
_TALK_REMEDY = (
    'Write {"image": path, "conversations": [{"from": "human", "value": text}, {"from": "gpt", ...}]}.'
)


@dataclass(frozen=True)
class Part:
    """An entry of dataset.yaml."""

    name: str
    data_path: str
    media_dir: str


@dataclass(frozen=True)
class Turn:
    """What one side says: `speaker` is human or gpt as a rule."""

    speaker: str
    text: str


@dataclass(frozen=True)
class Conversation:
    """A conversation, which a human begins, about images and videos by their paths in the media folder."""

    turns: tuple[Turn, ...]
    media: tuple[str, ...]

    @property
    def answered(self) -> bool:
        """Whether there is something to learn from."""
        return any(turn.speaker == ANSWERS for turn in self.turns)


def read_parts(path: Path) -> list[Part]:
    """The entries of dataset.yaml.

    Raises:
        FileFlawError: it is no YAML, or an entry has no data_path.
    """
    text = read_text(path, _YAML_LIMIT)
    try:
        # Texts, lists and mappings alone: nothing else is needed, and nothing else can go wrong.
        entries = yaml.load(text, Loader=yaml.BaseLoader)  # noqa: S506
    except (yaml.YAMLError, ValueError, TypeError, RecursionError):
        raise FileFlawError(path.name, "is not YAML", _REMEDY) from None
    if isinstance(entries, dict) and isinstance(entries.get("data_path"), str):
        entries = {"dataset": entries}
    if not isinstance(entries, dict) or not entries:
        raise FileFlawError(path.name, "names no part of the dataset", _REMEDY)
    return [_part(path, name, entry) for name, entry in entries.items()]


def _part(path: Path, name: Any, entry: Any) -> Part:
    data_path = entry.get("data_path") if isinstance(entry, dict) else None
    media_dir = entry.get("media_dir", "") if isinstance(entry, dict) else None
    if not isinstance(data_path, str) or not data_path or not isinstance(media_dir, str):
        label = name[:80] if isinstance(name, str) else "?"
        raise FileFlawError(path.name, f"has no data_path in the part {label!r}", _REMEDY)
    return Part(printable(str(name)), data_path, media_dir or str(PurePosixPath(data_path).parent))


def read_conversations(path: Path) -> Iterator[Conversation | FileFlawError]:
    """The conversations of a JSON list, or of JSON Lines; one that cannot be used comes as its flaw.

    Raises:
        FileFlawError: the file as a whole cannot be read.
    """
    for place, value in _values(path):
        try:
            yield value if isinstance(value, FileFlawError) else _conversation(path, place, value)
        except FileFlawError as flaw:
            yield flaw


def _values(path: Path) -> Iterator[tuple[str, Any]]:
    """What the file lists, each with its place in words; a line that is no JSON as its flaw."""
    if path.suffix.lower() == ".jsonl":
        yield from ((f"in line {number}", value) for number, value in _lines(path))
        return
    values = read_json(path)
    if not isinstance(values, list):
        raise FileFlawError(path.name, "is no list of conversations", _TALK_REMEDY)
    yield from ((f"at place {place}", value) for place, value in enumerate(values))


def _lines(path: Path) -> Iterator[tuple[int, Any]]:
    with path.open("rb") as file:
        for number in count(1):
            line = file.readline(_LONGEST_LINE)
            if not line:
                return
            if line.strip():
                yield number, _parsed(f"{path.name} (line {number})", line)


def _parsed(name: str, line: bytes) -> Any:
    try:
        return parse_json(line.decode("utf-8-sig"), name)
    except UnicodeDecodeError:
        return FileFlawError(name, "has a line that is not UTF-8 text", "Save it as UTF-8 text.")
    except FileFlawError as flaw:
        return flaw


def _conversation(path: Path, place: str, value: Any) -> Conversation:
    def refused(what: str) -> FileFlawError:
        return FileFlawError(path.name, f"has {what} {place}", _TALK_REMEDY)

    if not isinstance(value, dict) or not isinstance(value.get("conversations"), list):
        raise refused("no conversations")
    turns = tuple(_turn(turn) for turn in value["conversations"])
    if not turns or None in turns:
        raise refused("a turn without from and value")
    whole = tuple(turn for turn in turns if turn)
    if whole[0].speaker != ASKS:
        raise refused("a conversation that a human does not begin")
    media = [one for key in _MEDIA_KEYS if key in value for one in _listed(value[key])]
    paths = tuple(one for one in media if isinstance(one, str) and one)
    if len(paths) != len(media):
        raise refused("an image or video that is no path")
    return Conversation(whole, paths)


def _turn(value: Any) -> Turn | None:
    if not isinstance(value, dict):
        return None
    speaker, text = value.get("from"), value.get("value")
    return Turn(speaker, text) if isinstance(speaker, str) and isinstance(text, str) else None


def _listed(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [value]
