"""One request about many objects: each has an outcome of its own."""

from collections.abc import Callable, Iterable
from typing import Literal
from uuid import UUID

from tunesmith.server.kit.errors import ServiceError
from tunesmith.server.kit.ids import parse_id
from tunesmith.server.kit.wire import Reply


class BulkResult(Reply):
    """What came of one object."""

    id: str
    status: Literal["success", "failed"]
    error_desc: str | None = None
    error_code: int | None = None


class BulkReply(Reply):
    """What came of each object, in the order of the request."""

    results: list[BulkResult]


def bulk(ids: Iterable[str], act: Callable[[UUID], object]) -> BulkReply:
    """Do something to each object; a refusal of one does not keep the others.

    `act` must refuse, by a ServiceError, before it changes anything. The route's
    `response_model_exclude_none=True` leaves the error fields out where there is no error.
    """
    return BulkReply(results=[_one(identity, act) for identity in ids])


def _one(identity: str, act: Callable[[UUID], object]) -> BulkResult:
    try:
        act(parse_id(identity))
    except ServiceError as refusal:
        return BulkResult(id=identity, status="failed", **refusal.body())
    return BulkResult(id=identity, status="success")
