"""The files of an edition on their way to a hub, each with the sum that it must have there."""

import hashlib
import json
from dataclasses import dataclass
from typing import BinaryIO, cast

from huggingface_hub import CommitOperationAdd
from huggingface_hub.hf_api import RepoFile

from tunesmith.server.publishing.registry import CARD, Edition
from tunesmith.storage.checksums import SUMS, sum_lines
from tunesmith.storage.seekable import SeekableFile


@dataclass(frozen=True)
class Upload:
    """One file of a commit."""

    operation: CommitOperationAdd

    @property
    def name(self) -> str:
        """Its path in the repository."""
        return self.operation.path_in_repo

    @property
    def sha256(self) -> str:
        """The sum of what is sent, in hexadecimals."""
        return self.operation.upload_info.sha256.hex()

    def is_at(self, found: RepoFile) -> bool:
        """Whether the hub has the same bytes, by the SHA-256 of a large file and git's sum of a small one."""
        if found.lfs:
            return found.lfs.sha256 == self.sha256
        with self.operation.as_file() as file:
            content = file.read()
        blob = hashlib.sha1(b"blob %d\0" % len(content) + content, usedforsecurity=False)
        return found.size == len(content) and found.blob_id == blob.hexdigest()


def uploads_of(edition: Edition) -> list[Upload]:
    """Everything that the version is to hold. The model's files are read once for their sums.

    Raises:
        StorageError: a file of the model cannot be read.
    """
    files = [
        Upload(CommitOperationAdd(name, cast("BinaryIO", SeekableFile(edition.source, info))))
        for name, info in edition.models.items()
    ]
    files += [Upload(CommitOperationAdd(name, content)) for name, content in edition.documents.items()]
    sums = {one.name: one.sha256 for one in files}
    card = json.dumps({**edition.card, "sha256": sums}, indent=2).encode()
    about = {SUMS: sum_lines(sums), CARD: card}
    return [*files, *(Upload(CommitOperationAdd(name, content)) for name, content in about.items())]
