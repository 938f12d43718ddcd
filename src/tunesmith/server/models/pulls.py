"""Starts the pull of a base experiment's weights, and tells how far it is."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Protocol, Self, TypeVar
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from tunesmith.networks.catalogue import catalogue
from tunesmith.server.datasets.states import SETTLED, PullStatus
from tunesmith.server.jobs.inputs import PULL_MODEL, FrozenInputs
from tunesmith.server.jobs.queue import release
from tunesmith.server.jobs.tables import Job
from tunesmith.server.kit.caller import Caller
from tunesmith.server.kit.database import LOCK
from tunesmith.server.models.tables import PulledModel
from tunesmith.workers.base import Slot

_WORST_FIRST = (
    PullStatus.INVALID_PULL,
    PullStatus.STARTING,
    PullStatus.IN_PROGRESS,
    PullStatus.PULL_COMPLETE,
)


class _Shown(Protocol):
    @property
    def base_experiment(self) -> list[UUID]: ...
    def model_copy(self, *, update: Mapping[str, object]) -> Self: ...


ShownT = TypeVar("ShownT", bound=_Shown)


def ensure_pulled(session: Session, caller: Caller, ids: Iterable[UUID]) -> None:
    """Have weights fetched that are not here and not on their way; a pull that failed begins again."""
    for identity in ids:
        if not _is_for_us_to_start(session, identity):
            continue
        session.add(
            Job(
                org_id=caller.org_id,
                user_id=caller.user_id,
                internal=True,
                action=PULL_MODEL,
                slot=Slot.IO,
                inputs=FrozenInputs(base_models=(identity,)).dump(),
            )
        )


def _is_for_us_to_start(session: Session, identity: UUID) -> bool:
    pulled = session.get(PulledModel, identity, with_for_update=LOCK)
    if pulled is not None:
        if pulled.status != PullStatus.INVALID_PULL:
            return False
        pulled.status, pulled.status_reason = PullStatus.STARTING, ""
        return True
    try:
        with session.begin_nested():
            session.add(PulledModel(id=identity, status=PullStatus.STARTING))
    except IntegrityError:
        return False  # somebody else was the first to ask, at the same moment
    return True


def set_pulled(session: Session, identity: UUID, status: PullStatus, reason: str = "") -> None:
    """Note how far the weights are."""
    pulled = session.get(PulledModel, identity, with_for_update=LOCK) or PulledModel(id=identity)
    pulled.status, pulled.status_reason = status, reason
    session.add(pulled)
    if status in SETTLED:
        release(session, identity)


def obstacle_of(pulled_models: Mapping[UUID, PulledModel], ids: Iterable[UUID]) -> tuple[str, bool]:
    """What a job that needs weights waits for, "" for nothing, and whether that is in vain."""
    for identity in ids:
        entry = catalogue().get(identity)
        name = f"weights of {entry.ngc_path if entry else identity}"
        pulled = pulled_models.get(identity)
        if pulled is not None and pulled.status == PullStatus.INVALID_PULL:
            return f"The {name} cannot be had: {pulled.status_reason}", True
        if pulled is None or pulled.status != PullStatus.PULL_COMPLETE:
            return f"Waits for the {name} to be fetched", False
    return "", False


def with_pulls(session: Session, shown: Sequence[ShownT]) -> list[ShownT]:
    """The replies, with how far their base experiments are. One query at most."""
    wanted = {identity for one in shown for identity in one.base_experiment}
    if not wanted:
        return list(shown)
    query = select(PulledModel).where(PulledModel.id.in_(wanted))
    found = {pulled.id: pulled for pulled in session.scalars(query)}
    return [_with_pull(one, [found[i] for i in one.base_experiment if i in found]) for one in shown]


def _with_pull(shown: ShownT, pulls: Sequence[PulledModel]) -> ShownT:
    if not pulls:
        return shown
    worst = min(pulls, key=lambda one: _WORST_FIRST.index(PullStatus(one.status)))
    return shown.model_copy(update=said_of(worst))


def said_of(pulled: PulledModel) -> dict[str, object]:
    """The fields of a reply that tell how far a pull is."""
    said: dict[str, object] = {"base_experiment_pull_complete": PullStatus(pulled.status)}
    if pulled.status_reason:
        said["base_experiment_pull_reason"] = pulled.status_reason
    return said
