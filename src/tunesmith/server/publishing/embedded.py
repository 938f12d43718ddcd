"""The registry that needs nothing else: a folder in the workspace of the experiment.

    published/<name>/<label>/   the model's files, README.md, metrics.json, spec.yaml, SHA256SUMS, card.json

The card is written last and removed first: a version without one is the rest of an attempt that failed.
"""

import hashlib
import json
import re
from collections.abc import Mapping
from typing import Any
from uuid import UUID

from tunesmith.server.publishing.registry import CARD, AlreadyPublishedError, Edition, Version
from tunesmith.storage.checksums import SUMS, sha256_in, sum_lines
from tunesmith.storage.errors import StorageError, StorageFileMissingError
from tunesmith.storage.files import FileInfo, Files

_FOLDER = "published"
_LONGEST_NAME = 200  # bytes; file systems take 255
_ODD = re.compile(r"[^\w.+-]+")


class EmbeddedRegistry:
    """The registry in a workspace, from where the models come too."""

    def __init__(self, workspace: Files) -> None:
        self._files = workspace

    def spell(self, name: str) -> str:
        """A name as a folder on every kind of store."""
        bare = _ODD.sub("-", name).strip("-.").encode()[:_LONGEST_NAME]
        return bare.decode(errors="ignore").rstrip("-.")

    def place(self, version: Version) -> str:
        """The folder, with its store."""
        return f"{self._files.location.store.id}/{_folder(version)}"

    def fetching(self, version: Version) -> str:
        """The folder, for people."""
        return f"The files are in `{_folder(version)}/` of the workspace."

    def card(self, version: Version) -> Mapping[str, Any] | None:
        """The facts of a version; None if it is not published. Those of a damaged card are not known."""
        try:
            content = self._files.read(f"{_folder(version)}/{CARD}")
        except StorageFileMissingError:
            return None
        try:
            card = json.loads(content)
        except ValueError:
            return {}
        return card if isinstance(card, dict) else {}

    def publish(self, version: Version, edition: Edition) -> None:
        """Keep a version. The store copies the model by itself; the sums are of what is there after that."""
        folder = _folder(version)
        if self._files.exists(f"{folder}/{CARD}"):
            raise AlreadyPublishedError(version)
        self._files.delete_all(folder)
        sums = {
            name: self._copy(edition.source, info, f"{folder}/{name}")
            for name, info in edition.models.items()
        }
        sums |= {
            name: self._write(f"{folder}/{name}", content) for name, content in edition.documents.items()
        }
        self._files.write(f"{folder}/{SUMS}", sum_lines(sums))
        card = json.dumps({**edition.card, "sha256": sums}, indent=2)
        self._files.write(f"{folder}/{CARD}", card.encode())

    def versions(self, job_id: UUID, name: str | None = None) -> list[Version]:
        """The folders of a job's versions."""
        parent = f"{_FOLDER}/{name}" if name else _FOLDER
        parts = (info.key.split("/") for info in self._files.list(parent))
        found = (Version(one[1], one[2]) for one in parts if len(one) > 3)
        return [version for version in dict.fromkeys(found) if version.is_of(job_id)]

    def remove(self, version: Version) -> None:
        """Remove the folder, its card first."""
        self._files.delete(f"{_folder(version)}/{CARD}")
        self._files.delete_all(_folder(version))

    def _copy(self, source: Files, info: FileInfo, target: str) -> str:
        """Copy a file. Its sum, read from the copy and from where it comes."""
        self._files.copy(info.key, target)
        size, copied = self._files.size(target), sha256_in(self._files, target)
        if size != info.size or copied != sha256_in(source, info):
            raise _differs(target)
        return copied

    def _write(self, key: str, content: bytes) -> str:
        self._files.write(key, content)
        written = sha256_in(self._files, key)
        if written != hashlib.sha256(content).hexdigest():
            raise _differs(key)
        return written


def _folder(version: Version) -> str:
    return f"{_FOLDER}/{version.name}/{version.label}"


def _differs(key: str) -> StorageError:
    return StorageError(
        f"The store gives back other bytes of {key} than it was given: nothing is published. Try again, and "
        "check the store if it happens again."
    )
