"""Weights that an operator brings to a server or looks at."""

from dataclasses import dataclass
from pathlib import Path

from sqlalchemy.orm import Session

from tunesmith.networks.catalogue import BaseModelEntry, catalogue
from tunesmith.server.datasets.states import PullStatus
from tunesmith.server.kit.errors import NotFoundError
from tunesmith.server.models.pulls import set_pulled
from tunesmith.storage.weights import WeightsFolder


@dataclass(frozen=True)
class ModelEntry:
    """A model of the catalogue, and what is here of it: the size in bytes and the sum of its weights."""

    id: str
    ngc_path: str
    network: str
    license: str
    size: int | None
    sha256: str | None
    source: str


def find_model(name: str) -> BaseModelEntry:
    """The model of the catalogue with that ngc_path or id.

    Raises:
        NotFoundError: there is none.
    """
    for entry in catalogue().values():
        if name in {entry.ngc_path, str(entry.id)}:
            return entry
    raise NotFoundError(
        f"There is no base experiment {name}; the catalogue has: "
        f"{', '.join(entry.ngc_path for entry in catalogue().values())}"
    )


def add_model(session: Session, models_dir: Path, path: Path, name: str) -> ModelEntry:
    """Copy a file of weights in, and let the jobs that wait for it go on.

    Raises:
        NotFoundError: the catalogue has no such model.
        StorageError: the file cannot be copied.
    """
    entry = find_model(name)
    WeightsFolder(models_dir / str(entry.id)).copy_in(path, f"the file {path.name}")
    set_pulled(session, entry.id, PullStatus.PULL_COMPLETE)
    return _listed(models_dir, entry)


def list_models(models_dir: Path) -> list[ModelEntry]:
    """The catalogue, in its order."""
    return [_listed(models_dir, entry) for entry in catalogue().values()]


def _listed(models_dir: Path, entry: BaseModelEntry) -> ModelEntry:
    card = WeightsFolder(models_dir / str(entry.id)).card()
    return ModelEntry(
        id=str(entry.id),
        ngc_path=entry.ngc_path,
        network=entry.arch,
        license=entry.license,
        size=card.size if card else None,
        sha256=card.sha256 if card else None,
        source=card.source if card else "",
    )
