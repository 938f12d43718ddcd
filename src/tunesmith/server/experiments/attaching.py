"""Which datasets an experiment may use, and as what."""

from collections.abc import Iterable
from enum import StrEnum
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.orm import Session

from tunesmith.data.types import DatasetFormat, Intent
from tunesmith.networks import Network
from tunesmith.server.datasets.tables import Dataset
from tunesmith.server.kit.access import readable
from tunesmith.server.kit.caller import Caller
from tunesmith.server.kit.errors import BadRequestError

_UNLABELLED = frozenset({DatasetFormat.RAW, DatasetFormat.COCO_RAW})


class Role(StrEnum):
    """The fields of an experiment that hold datasets."""

    TRAIN = "train_datasets"
    EVAL = "eval_dataset"
    INFERENCE = "inference_dataset"
    CALIBRATION = "calibration_dataset"

    @property
    def needs_labels(self) -> bool:
        """Whether images alone are not enough."""
        return self in {Role.TRAIN, Role.EVAL}


def usable_datasets(
    session: Session, caller: Caller, network: Network, role: Role, ids: Iterable[UUID]
) -> list[Dataset]:
    """The datasets, in the order of the ids, each once. They cannot be deleted until the transaction ends.

    Raises:
        BadRequestError: one does not exist for the caller, or does not suit the network or the role.
    """
    wanted = list(dict.fromkeys(ids))
    query = select(Dataset).where(Dataset.id.in_(wanted), readable(Dataset, caller))
    found = {dataset.id: dataset for dataset in session.scalars(query.with_for_update(read=True))}
    for identity in wanted:
        dataset = found.get(identity)
        wrong = misfit(network, role, dataset) if dataset else "it does not exist"
        if wrong:
            raise BadRequestError(f"Provided {role} cannot be added: dataset {identity}: {wrong}")
    return [found[identity] for identity in wanted]


def misfit(network: Network, role: Role, dataset: Dataset) -> str | None:
    """Why a dataset cannot play a role for a network; None if it can."""
    if dataset.type != network.dataset_type:
        return f"its type is {dataset.type}, and {network.arch} takes {network.dataset_type}"
    if dataset.format in _UNLABELLED:
        return f"its format {dataset.format} has no labels" if role.needs_labels else None
    if dataset.format not in network.formats:
        return f"its format is {dataset.format}, and {network.arch} takes {', '.join(network.formats)}"
    allowed = _intents(network, role)
    if dataset.use_for and not allowed.intersection(dataset.use_for):
        return (
            f"its use_for is {', '.join(dataset.use_for)}, and {role} needs {' or '.join(sorted(allowed))}: "
            "PATCH the use_for of the dataset, or choose another dataset"
        )
    return None


def _intents(network: Network, role: Role) -> set[Intent]:
    """Networks that know no evaluation sets are evaluated on training sets."""
    if role is Role.TRAIN:
        return {Intent.TRAINING}
    if role is Role.EVAL:
        labelled = {Intent.EVALUATION, Intent.TESTING}
        return labelled if Intent.EVALUATION in network.intents else labelled | {Intent.TRAINING}
    return set(Intent)
