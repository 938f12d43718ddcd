"""Looks into pulled text recognition datasets: lists against images, words against characters."""

from collections import Counter
from pathlib import Path

from tunesmith.data.errors import FileFlawError
from tunesmith.data.findings import Counts
from tunesmith.data.inside import Inside
from tunesmith.data.lines import read_lines
from tunesmith.data.words import CHARACTERS, Word, WordData, WordSplit, parse_word, read_characters, spelled


def check(inside: Inside) -> Counts:
    """Look into a pulled dataset: counts by split, and findings.

    Raises:
        PullStoppedError: asked to stop.
    """
    data = WordData(inside.folder)
    characters = _characters(inside)
    splits = {str(split): data.split(split) for split in data.splits()}
    used: list[Path] = []
    words = {name: _check_split(inside, split, characters, used) for name, split in splits.items()}
    return {
        "characters": len(characters),
        "images": {name: len(split.images) for name, split in splits.items()},
        "words": words,
        "decoded": inside.decode(used),
    }


def _characters(inside: Inside) -> frozenset[str]:
    path = inside.file(CHARACTERS)
    try:
        return frozenset(read_characters(path))
    except FileFlawError as flaw:
        inside.flawed("characters", path, flaw)
        return frozenset()


def _check_split(
    inside: Inside, split: WordSplit, characters: frozenset[str], used: list[Path]
) -> dict[str, int]:
    """How many words can be learnt; their images are added to those used."""
    archive = f"{split.folder.name}.tar.gz"
    if split.list_file is None:
        remedy = "Add gt_new.txt, with a file, a tab and a word on each line."
        inside.findings.error("list", archive, "holds no gt_new.txt", remedy)
        return {}
    words = _words(inside, split)
    kept = [word for word in words if _check_word(inside, split, word, characters)]
    if not kept and characters:
        fault = "holds no image of a word that can be spelled in the characters of character_list"
        inside.findings.error("empty", archive, fault, "Compare the list, the images and the characters.")
    named = Counter(path for word in words if (path := split.image(word)))
    used.extend(path for path in split.images if path in named)
    _check_unnamed(inside, split, named)
    return {"usable": len(kept), "left_out": len(words) - len(kept)}


def _words(inside: Inside, split: WordSplit) -> list[Word]:
    path = split.list_file
    found: list[Word] = []
    if path is None:
        return found
    try:
        for number, line in read_lines(path):
            inside.keep_going()
            try:
                found.append(parse_word(path, number, line))
            except FileFlawError as flaw:
                inside.flawed("line", path, flaw)
    except FileFlawError as flaw:
        inside.flawed("list", path, flaw)
    return found


def _check_word(inside: Inside, split: WordSplit, word: Word, characters: frozenset[str]) -> bool:
    """Whether a word can be learnt; what cannot is left out by the reader, and is a finding here."""
    inside.keep_going()
    note, member = inside.findings.warning, inside.member(split.list_file or split.folder)
    if split.image(word) is None:
        fault = f"names {word.file[:80]!r} in line {word.line}, which is not in the archive: it is left out"
        note("no image", member, fault, "Add the image, or remove the line.")
    elif not word.text:
        fault = f"has no word in line {word.line}: it is left out"
        note("no word", member, fault, "Write what the image says, or remove the line.")
    elif spelled(word.text, characters) is None:
        if characters:
            missing = " ".join(sorted(set(word.text) - characters))
            fault = (
                f"has {word.text[:40]!r} in line {word.line}, which needs {missing[:40]!r}: it is left out"
            )
            note("characters", member, fault, f"Add the characters to {CHARACTERS}, or remove the line.")
    else:
        return True
    return False


def _check_unnamed(inside: Inside, split: WordSplit, named: Counter[Path]) -> None:
    for path in split.images:
        if path not in named:
            fault = "is named in no line of the list and is left out"
            inside.findings.warning("unnamed", inside.member(path), fault, "Add its word to the list.")
    for path, count in named.items():
        if count > 1:
            fault = f"is named {count} times in the list"
            inside.findings.warning("repeated", inside.member(path), fault, "Keep one line of each image.")
