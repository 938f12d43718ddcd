"""Passes to one experiment's TensorBoard: a browser sends no Authorization header, so it gets a cookie."""

from dataclasses import dataclass
from datetime import timedelta
from uuid import UUID

from sqlalchemy.orm import Session

from tunesmith.server.auth.service import authenticate, authorize
from tunesmith.server.auth.tokens import Claims, TokenSigner
from tunesmith.server.experiments.repository import get_readable
from tunesmith.server.experiments.tables import Experiment
from tunesmith.server.kit.caller import Caller
from tunesmith.server.kit.errors import BadRequestError, ForbiddenError, UnauthorizedError

COOKIE = "tunesmith_board"
TICKET_LIFETIME = timedelta(minutes=2)
"""Of the link: long enough to open it, too short to find it in a history."""
COOKIE_LIFETIME = timedelta(hours=12)


@dataclass(frozen=True)
class BoardPath:
    """Where the board of an experiment is; existing clients print this path."""

    org_name: str
    experiment_id: UUID

    def __str__(self) -> str:
        return f"/tensorboard/v1/orgs/{self.org_name}/experiments/{self.experiment_id}"


def ticket_of(signer: TokenSigner, claims: Claims, path: BoardPath, lifetime: timedelta) -> str:
    """A pass. It opens nothing but this board, not even a login's doors."""
    content = {
        "board": str(path),
        "reader": str(claims.user_id),
        "org": claims.org_name,
        "key": str(claims.key_id),
    }
    return signer.sign_content(content, lifetime)


def claims_in(signer: TokenSigner, ticket: str, path: BoardPath) -> Claims:
    """Whose pass it is.

    Raises:
        UnauthorizedError: it is none, has expired, or is for another board.
    """
    content = signer.read_content(ticket, ("board", "reader", "org", "key"))
    if content["board"] != str(path):
        raise UnauthorizedError("This link is for another TensorBoard")
    return Claims(UUID(content["reader"]), content["org"], UUID(content["key"]))


def enabled_board(session: Session, caller: Caller, experiment_id: UUID) -> Experiment:
    """The experiment, if the caller may see it and its board is switched on.

    Raises:
        NotFoundError: the caller may see no such experiment.
        BadRequestError: tensorboard_enabled is not set.
    """
    experiment = get_readable(session, experiment_id, caller)
    if not experiment.echoed.get("tensorboard_enabled"):
        raise BadRequestError(
            f"Experiment {experiment_id} has no TensorBoard: PATCH it with "
            '{"tensorboard_enabled": true} first'
        )
    return experiment


def check_pass(session: Session, claims: Claims, path: BoardPath) -> None:
    """Whether a pass still opens its board.

    Raises:
        ServiceError: the key was revoked, the experiment may not be seen, or its board was switched off.
    """
    caller = authenticate(session, claims)
    if claims.org_name != path.org_name:
        raise ForbiddenError("This link is for another organisation")
    enabled_board(session, authorize(caller, path.org_name), path.experiment_id)
