"""Text recognition datasets: images of words, the words, and the characters that they are made of."""

from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from tunesmith.data.classes import canonical
from tunesmith.data.errors import DatasetError, FileFlawError
from tunesmith.data.image_tree import files_below, is_image
from tunesmith.data.lines import read_lines
from tunesmith.data.named_files import NamedFiles
from tunesmith.data.pulled import PulledFolder
from tunesmith.data.text_files import read_text

Split = Literal["train", "test"]
SPLITS: tuple[Split, ...] = ("train", "test")
CHARACTERS = "character_list"
_LISTS = ("gt_new.txt", "gt.txt")


@dataclass(frozen=True)
class Word:
    """A line of a list: the image's name, and what it says, in the Unicode form in which texts compare."""

    line: int
    file: str
    text: str


@dataclass(frozen=True)
class WordImage:
    """An image and its word, spelled in the characters of the dataset."""

    path: Path
    text: str


class WordSplit:
    """What the archive of a split holds."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        files = list(files_below(folder)) if folder.is_dir() else []
        self.images = [path for path in files if is_image(path)]
        self.list_file = _list_file(files)
        self._named = NamedFiles(folder, self.images)
        base = self.list_file.parent if self.list_file else folder
        self._beside = NamedFiles(base, (path for path in self.images if path.is_relative_to(base)))

    def words(self) -> list[Word]:
        """The lines of the list.

        Raises:
            FileFlawError: there is no list, it is no text, or a line names no file and word.
        """
        if self.list_file is None:
            raise FileFlawError(f"{self.folder.name}.tar.gz", "holds no gt_new.txt", "Add it to the images.")
        return [parse_word(self.list_file, number, line) for number, line in read_lines(self.list_file)]

    def image(self, word: Word) -> Path | None:
        """The image of a word: beside the list, or anywhere in the archive."""
        return self._beside.find(word.file) or self._named.find(word.file)


class WordData:
    """A pulled dataset, for reading."""

    def __init__(self, folder: PulledFolder) -> None:
        self._folder = folder

    @classmethod
    def open(cls, pulled: Path) -> "WordData":
        """The dataset in the cache folder of a finished pull."""
        return cls(PulledFolder(pulled))

    def characters(self) -> tuple[str, ...]:
        """The characters in the order of their indices. Raises as `read_characters`."""
        return read_characters(self._folder.files / CHARACTERS)

    def splits(self) -> tuple[Split, ...]:
        """The splits that are here."""
        return tuple(split for split in SPLITS if (self._folder.extracted / split).is_dir())

    def split(self, split: Split) -> WordSplit:
        """What the archive of a split holds; nothing if it is not here."""
        return WordSplit(self._folder.extracted / split)

    def samples(self, split: Split) -> list[WordImage]:
        """The words of a split, in the order of its list.

        Those that are missing or cannot be spelled are left out, as are empty ones.

        Raises:
            DatasetError: the list or the characters are unusable, or no word is left.
        """
        characters = frozenset(self.characters())
        here = self.split(split)
        pairs = ((here.image(word), spelled(word.text, characters)) for word in here.words())
        found = [WordImage(path, text) for path, text in pairs if path and text]
        if not found:
            raise DatasetError(f"{split}.tar.gz holds no image of a word in the characters of {CHARACTERS}.")
        return found


def read_characters(path: Path) -> tuple[str, ...]:
    """The characters of a list with a character a line. A line with one space is the space.

    Raises:
        FileFlawError: it is empty, or a line holds several characters or one that came before.
    """
    found: dict[str, int] = {}
    for number, line in enumerate(read_text(path).split("\n"), start=1):
        character = line if line == " " else canonical(line.strip())
        if len(character) > 1:
            fault = f"holds {len(character)} characters in line {number}: {character[:40]!r}"
            raise FileFlawError(path.name, fault, "Write one character a line.")
        if character in found:
            fault = f"repeats {character!r} of line {found[character]} in line {number}"
            raise FileFlawError(path.name, fault, "Name each character once: the order gives the indices.")
        if character:
            found[character] = number
    if not found:
        raise FileFlawError(path.name, "holds no character", "Write one character a line.")
    return tuple(found)


def parse_word(path: Path, number: int, line: str) -> Word:
    """A line as `file<tab>word`, or as `file, "word"`, which older lists have.

    Raises:
        FileFlawError: it is neither.
    """
    file, tab, text = line.partition("\t")
    if not tab:
        file, comma, text = line.partition(",")
        text = text.strip()
        if not comma:
            fault = f"has no tab between file and word in line {number}"
            raise FileFlawError(path.name, fault, "Write the file, a tab and the word on each line.")
        if len(text) > 1 and text[0] == text[-1] == '"':
            text = text[1:-1]
    return Word(number, file.strip(), canonical(text.strip()))


def spelled(text: str, characters: frozenset[str]) -> str | None:
    """The text in these characters, in lower case if they have no capitals; None if they do not do."""
    for form in (text, text.lower()):
        if characters.issuperset(form):
            return form
    return None


def _list_file(files: list[Path]) -> Path | None:
    """The list of that name nearest to the top, or the only text there is."""
    for name in _LISTS:
        named = [path for path in files if path.name.lower() == name]
        if named:
            return min(named, key=lambda path: len(path.parts))
    texts = [path for path in files if path.suffix.lower() == ".txt"]
    return texts[0] if len(texts) == 1 else None
