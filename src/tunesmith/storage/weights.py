"""The folder that holds the weights of one published model: a file, and a card that vouches for it."""

import hashlib
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from fcntl import LOCK_EX, flock
from pathlib import Path
from uuid import uuid4

from pydantic import BaseModel, ConfigDict, ValidationError

from tunesmith.storage.errors import StorageError

_CARD = "card.json"


class Card(BaseModel):
    """What is known of the weights: the file's name, its size in bytes, its sum, where it came from."""

    model_config = ConfigDict(frozen=True)

    file: str
    size: int
    sha256: str
    source: str
    revision: str = ""


def sha256_of(path: Path) -> str:
    """The sum of a file, in hexadecimal digits."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


class WeightsFolder:
    """Where the weights of one model are, or will be. The card is written last: no card, no weights."""

    def __init__(self, root: Path) -> None:
        self.root = root

    @contextmanager
    def held(self) -> Iterator[None]:
        """Be the only process that changes the folder; others wait."""
        self.root.mkdir(parents=True, exist_ok=True)
        with (self.root / "lock").open("w") as lock:
            flock(lock, LOCK_EX)
            yield

    def card(self) -> Card | None:
        """The card of weights that are here; None if there are none, or not as the card says."""
        try:
            card = Card.model_validate_json((self.root / _CARD).read_bytes())
            return card if (self.root / card.file).stat().st_size == card.size else None
        except (OSError, ValidationError):
            return None

    def whole(self) -> Path | None:
        """The file of weights, if each byte of it is as it was; what is damaged is forgotten."""
        card = self.card()
        if card is None:
            return None
        path = self.root / card.file
        if sha256_of(path) == card.sha256:
            return path
        (self.root / _CARD).unlink(missing_ok=True)
        return None

    def keep(self, path: Path, source: str, revision: str = "") -> Card:
        """Take in a file by moving it; it must be on the same disk.

        Raises:
            StorageError: the disk refuses.
        """
        card = Card(
            file=f"weights{path.suffix}",
            size=path.stat().st_size,
            sha256=sha256_of(path),
            source=source,
            revision=revision,
        )
        try:
            (self.root / _CARD).unlink(missing_ok=True)
            path.replace(self.root / card.file)
            written = self.root / f"{_CARD}.new"
            written.write_text(card.model_dump_json(indent=1), encoding="utf-8")
            written.replace(self.root / _CARD)
        except OSError as error:
            raise StorageError(
                f"Could not keep weights in {self.root}: {error.strerror or error}."
            ) from error
        return card

    def copy_in(self, path: Path, source: str) -> Card:
        """Take in a copy of a file from anywhere.

        Raises:
            StorageError: the file cannot be read, or the disk refuses.
        """
        with self.held():
            copied = self.root / f"{uuid4().hex}{path.suffix}"
            try:
                shutil.copyfile(path, copied)
                return self.keep(copied, source)
            except OSError as error:
                raise StorageError(f"Could not copy {path}: {error.strerror or error}.") from error
            finally:
                copied.unlink(missing_ok=True)
