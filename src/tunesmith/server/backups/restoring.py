"""Brings back what a backup holds and the server no longer has."""

from collections.abc import Callable, Collection, Iterable, Iterator
from contextlib import contextmanager
from typing import Any
from uuid import UUID

from sqlalchemy import insert, select, update
from sqlalchemy.orm import Session

from tunesmith.server.backups.archive import Content, Rows
from tunesmith.server.backups.rows import loaded
from tunesmith.server.backups.schemas import Restored
from tunesmith.server.backups.stores import OwnStores
from tunesmith.server.datasets.replies import reply_to as dataset_reply
from tunesmith.server.datasets.states import PullStatus
from tunesmith.server.datasets.tables import Dataset
from tunesmith.server.experiments.replies import reply_to as experiment_reply
from tunesmith.server.experiments.tables import Experiment
from tunesmith.server.jobs.inputs import PULL
from tunesmith.server.jobs.replies import reply_to as job_reply
from tunesmith.server.jobs.repository import Kind, subsets
from tunesmith.server.jobs.states import TERMINAL, Status
from tunesmith.server.jobs.tables import Job, JobHistory
from tunesmith.server.kit.access import get_writable, writable
from tunesmith.server.kit.caller import Caller
from tunesmith.server.kit.database import Base, Record, now
from tunesmith.server.kit.errors import BadRequestError, UnavailableError
from tunesmith.server.kit.secrets import Vault
from tunesmith.server.workspaces.tables import Workspace

_CHUNK = 500
_NOT_ENDED = "restored from a backup that was made before the job had ended"
_NOT_PULLED = "It was restored without its pulled copy: PATCH its cloud_file_path to have it pulled again."


def restored(
    session: Session, caller: Caller, workspace_id: UUID, content: Content, vault: Vault
) -> Restored:
    """Add the rows that are not there. What is there stays as it is, whosever it is.

    Raises:
        BadRequestError: the backup holds what cannot be; nothing is restored then.
        ForbiddenError, NotFoundError: the workspace is not the caller's.
    """
    workspace = get_writable(session, Workspace, workspace_id, caller)
    return _Restore(session, caller, workspace, content, vault).run()


class _Restore:
    """One restore, within one transaction."""

    def __init__(
        self, session: Session, caller: Caller, workspace: Workspace, content: Content, vault: Vault
    ) -> None:
        self._session = session
        self._caller = caller
        self._workspace = workspace
        self._content = content
        self._vault = vault
        self._stores = OwnStores(session, caller, workspace, content.workspace_id)

    def run(self) -> Restored:
        """In the order in which rows refer to each other."""
        jobs = self._new(Job, "jobs")
        pulls = {row["dataset_id"] for row in map(self._with_own_stores, jobs) if _is_pull(row)}
        datasets = [self._dataset(row, pulls) for row in self._new(Dataset, "datasets")]
        experiments = [self._owned(row) for row in self._new(Experiment, "experiments")]
        self._insert(Dataset, datasets)
        self._insert(Experiment, experiments)
        jobs = [self._job(row) for row in self._of_own(jobs)]
        self._insert_jobs(jobs)
        self._insert_history({row["id"] for row in jobs})
        self._check_shown(Dataset, datasets, lambda one: dataset_reply(one, {}, whole=True, strict=True))
        self._check_shown(Experiment, experiments, lambda one: experiment_reply(one, {}, strict=True))
        self._check_shown(Job, jobs, lambda one: job_reply(one, specs=True))
        self._check_short([row["id"] for row in experiments], [row["id"] for row in datasets])
        shown = [row for row in jobs if not row["internal"]]
        there = sum(len(self._content.rows[kind]) for kind in ("datasets", "experiments", "jobs"))
        return Restored(
            datasets=len(datasets),
            experiments=len(experiments),
            jobs=len(shown),
            left_alone=there - len(datasets) - len(experiments) - len(jobs),
        )

    def _new(self, table: type[Record], kind: str) -> Rows:
        """The rows of the backup whose ids are not taken, each id once."""
        rows = {row["id"]: row for row in (loaded(table, data) for data in self._content.rows[kind])}
        for identity in self._taken(table, rows):
            del rows[identity]
        return list(rows.values())

    def _taken(self, table: type[Record] | type[JobHistory], ids: Collection[UUID]) -> set[UUID]:
        """Those of the ids that the table has."""
        found: set[UUID] = set()
        for chunk in self._chunks(ids):
            found |= set(self._session.scalars(select(table.id).where(table.id.in_(chunk))))
        return found

    def _owned(self, row: dict[str, Any]) -> dict[str, Any]:
        return row | {
            "org_id": self._caller.org_id,
            "user_id": self._caller.user_id,
            "workspace_id": self._workspace.id,
            "sealed_private": self._sealed(row["sealed_private"]),
        }

    def _sealed(self, sealed: str | None) -> str | None:
        """What this server can open; another server's secrets are left out."""
        try:
            self._vault.open(sealed)
        except (UnavailableError, ValueError):
            return None
        return sealed

    def _dataset(self, row: dict[str, Any], pulls: Collection[UUID]) -> dict[str, Any]:
        row = self._owned(row)
        pulled = row["status"] == PullStatus.PULL_COMPLETE and row["id"] in pulls
        if pulled or row["status"] == PullStatus.INVALID_PULL:
            return row
        return row | {"status": PullStatus.INVALID_PULL.value, "status_reason": _NOT_PULLED}

    def _with_own_stores(self, row: dict[str, Any]) -> dict[str, Any]:
        row["inputs"] = self._stores.resolved(row["inputs"]).dump()
        return row

    def _of_own(self, jobs: Rows) -> Iterable[dict[str, Any]]:
        """The jobs of experiments and datasets that are the caller's."""
        own = {
            name: set(self._session.scalars(select(table.id).where(writable(table, self._caller))))
            for name, table in (("experiment_id", Experiment), ("dataset_id", Dataset))
        }
        for row in jobs:
            if sum(row[name] is not None for name in own) != 1:
                continue
            if any(row[name] in own[name] for name in own) and (not row["internal"] or _is_pull(row)):
                yield row

    def _job(self, row: dict[str, Any]) -> dict[str, Any]:
        row = row | {"org_id": self._caller.org_id, "user_id": self._caller.user_id, "waits_for": ""}
        if row["status"] in TERMINAL:
            return row
        return row | {"status": Status.CANCELED.value, "ended_on": now(), "was": row["status"]}

    def _insert(self, table: type[Base], rows: Rows) -> None:
        for chunk in self._chunks(rows):
            self._session.execute(insert(table), chunk)

    def _insert_jobs(self, jobs: Rows) -> None:
        """Parents may come after their children: they are named once all are there."""
        hidden = {"was", "parent_id"}
        self._insert(Job, [{name: row[name] for name in row if name not in hidden} for row in jobs])
        there = self._taken(Job, {row["parent_id"] for row in jobs if row["parent_id"]})
        for row in jobs:
            if row["parent_id"] in there:
                self._session.execute(
                    update(Job)
                    .where(Job.id == row["id"])
                    .values(parent_id=row["parent_id"], last_modified=row["last_modified"])
                )
        self._insert(JobHistory, [_cancelled(row) for row in jobs if "was" in row])

    def _insert_history(self, jobs: Collection[UUID]) -> None:
        rows = [loaded(JobHistory, data) for data in self._content.rows["history"]]
        new = {row["id"]: row for row in rows if row["job_id"] in jobs}
        for chunk in self._chunks(new):
            for identity in self._session.scalars(
                select(JobHistory.id).where(JobHistory.id.in_(chunk))
            ).all():
                del new[identity]
        self._insert(JobHistory, list(new.values()))

    def _check_shown(self, table: type[Record], rows: Rows, shown: Callable[[Any], object]) -> None:
        """What no reply could show would break every list that it is in."""
        for chunk in self._chunks([row["id"] for row in rows]):
            for one in self._session.scalars(select(table).where(table.id.in_(chunk))):
                if getattr(one, "internal", False):
                    continue
                with _told(f"{table.__name__} {one.id}"):
                    shown(one)

    def _check_short(self, experiments: list[UUID], datasets: list[UUID]) -> None:
        with _told("job"):
            subsets(self._session, Kind.EXPERIMENT, experiments)
            subsets(self._session, Kind.DATASET, datasets)

    @staticmethod
    def _chunks(items: Collection[Any]) -> Iterable[list[Any]]:
        found = list(items)
        return (found[start : start + _CHUNK] for start in range(0, len(found), _CHUNK))


@contextmanager
def _told(what: str) -> Iterator[None]:
    try:
        yield
    except ValueError as error:  # pydantic's errors among them
        raise BadRequestError(f"The backup holds an odd {what}, nothing was restored: {error}") from None


def _cancelled(row: dict[str, Any]) -> dict[str, Any]:
    """How the history tells that a job which ran or waited no longer does."""
    return {
        "job_id": row["id"],
        "from_status": row["was"],
        "to_status": row["status"],
        "reason": _NOT_ENDED,
    }


def _is_pull(row: dict[str, Any]) -> bool:
    """Whether a job is a pull that later jobs can read what was pulled from."""
    pulled = row["inputs"].get("train_datasets", ())
    ids = [str(one["id"]) for one in pulled]
    return bool(row["internal"]) and row["action"] == PULL and ids == [str(row["dataset_id"])]
