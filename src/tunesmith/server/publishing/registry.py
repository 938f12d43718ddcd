"""What every registry of models can do, and what is handed to it."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Protocol
from uuid import UUID

from tunesmith.server.kit.errors import NotFoundError
from tunesmith.storage.files import FileInfo, Files

CARD = "card.json"
"""The facts of a version for programs. A version that has it is published."""
README = "README.md"
"""The facts for people: a model card in the form of the Hugging Face hub."""


@dataclass(frozen=True)
class Version:
    """A version of a model: `name` as the registry spells it, `label` as `<action>_<job id>_<epoch>`."""

    name: str
    label: str

    def is_of(self, job_id: UUID) -> bool:
        """Whether it is a model of that job."""
        return f"_{job_id}_" in self.label


@dataclass(frozen=True)
class Edition:
    """What a version is to hold.

    Attributes:
        source: where the model lies.
        models: its files by their name in the version, as they were listed in `source`.
        documents: small files by name, the model card among them.
        card: the facts for programs; the registry adds the sums of the files as `sha256`.
    """

    source: Files
    models: Mapping[str, FileInfo]
    documents: Mapping[str, bytes]
    card: Mapping[str, Any]


class AlreadyPublishedError(NotFoundError):
    """The version is there. The status is the one that clients of the API expect for this."""

    def __init__(self, version: Version) -> None:
        super().__init__(
            f"Version {version.label} of {version.name} is published already: remove it first "
            "(DELETE :remove_published_model)"
        )


class Registry(Protocol):
    """Keeps versions of models. Every method raises StorageError where the registry does not answer.

    Whoever publishes or removes a version holds it (see `kit.holding`): there is one at a time.
    """

    def spell(self, name: str) -> str:
        """A name as the registry can have it; "" if nothing is left of it."""
        ...

    def place(self, version: Version) -> str:
        """Where the version is, or would be: another one for each, in each registry."""
        ...

    def fetching(self, version: Version) -> str:
        """How people get the files of a version, in Markdown."""
        ...

    def card(self, version: Version) -> Mapping[str, Any] | None:
        """The facts of a version; None if it is not published."""
        ...

    def publish(self, version: Version, edition: Edition) -> None:
        """Keep a version. It is published whole or not at all; the rest of a failed attempt is no obstacle.

        Raises:
            AlreadyPublishedError: it is there.
            ServiceError: the name is not to be had.
        """
        ...

    def versions(self, job_id: UUID, name: str | None = None) -> list[Version]:
        """The versions of a job, under every name or that one; those too that were left half-made."""
        ...

    def remove(self, version: Version) -> None:
        """Remove a version, or what there is of it. It is no longer published from the first moment on."""
        ...
