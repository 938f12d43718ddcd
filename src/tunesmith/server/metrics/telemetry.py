"""Counts reported actions. The report is counted here and goes nowhere else."""

import hashlib
import json
from collections.abc import Sequence

from sqlalchemy import func, select
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.orm import Session

from tunesmith.server.kit.database import now
from tunesmith.server.metrics.schemas import ActionCount, TelemetryReq, TelemetryRsp
from tunesmith.server.metrics.tables import ReportedAction

MOST_KINDS = 1000
"""Kinds of actions that are told apart; whatever is new after that is counted as "other"."""

_OTHER = "other"


def count(session: Session, report: TelemetryReq) -> None:
    """Count one action, with others that came at the same moment."""
    kind = _kind(report)
    if session.get(ReportedAction, kind) is None and _is_full(session):
        report = TelemetryReq(
            network=_OTHER, action=_OTHER, success=report.success, time_lapsed=report.time_lapsed
        )
        kind = _kind(report)
    postgres = session.get_bind().dialect.name == "postgresql"
    row = {
        "kind": kind,
        **report.model_dump(include={"version", "network", "action", "success"}),
        "gpu": sorted(report.gpu),
        "count": 1,
        "seconds": report.time_lapsed,
        "updated_on": now(),
    }
    insert = (postgresql.insert if postgres else sqlite.insert)(ReportedAction).values(row)
    more = {
        "count": ReportedAction.count + 1,
        "seconds": ReportedAction.seconds + report.time_lapsed,
        "updated_on": row["updated_on"],
    }
    session.execute(insert.on_conflict_do_update(index_elements=[ReportedAction.kind], set_=more))


def document(session: Session) -> TelemetryRsp:
    """All counters, the kinds of actions in the order of their names."""
    names = (ReportedAction.network, ReportedAction.action, ReportedAction.version, ReportedAction.kind)
    rows = session.scalars(select(ReportedAction).order_by(*names)).all()
    return TelemetryRsp(
        last_updated=max((row.updated_on for row in rows), default=None),
        total=sum(row.count for row in rows),
        failed=sum(row.count for row in rows if not row.success),
        time_lapsed=sum(row.seconds for row in rows),
        actions=_counts(rows),
    )


def _counts(rows: Sequence[ReportedAction]) -> list[ActionCount]:
    return [
        ActionCount(
            version=row.version,
            network=row.network,
            action=row.action,
            gpu=row.gpu,
            success=row.success,
            count=row.count,
            time_lapsed=row.seconds,
        )
        for row in rows
    ]


def _kind(report: TelemetryReq) -> str:
    parts = [report.version, report.network, report.action, sorted(report.gpu), report.success]
    return hashlib.sha256(json.dumps(parts).encode()).hexdigest()


def _is_full(session: Session) -> bool:
    return (session.scalar(select(func.count()).select_from(ReportedAction)) or 0) >= MOST_KINDS
