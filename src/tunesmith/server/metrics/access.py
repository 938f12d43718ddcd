"""Who may read metrics: the bearer of the operator's token for them, and everybody who is logged in."""

from hmac import compare_digest

from fastapi import Depends

from tunesmith.server.auth import service
from tunesmith.server.auth.proxy import METRICS_USER
from tunesmith.server.kit.dependencies import BasicDep, BearerDep, DatabaseDep, SettingsDep, SignerDep
from tunesmith.server.kit.errors import UnauthorizedError


def opens_metrics(expected: str | None, given: str) -> bool:
    """Whether this is the operator's token; there may be none."""
    return expected is not None and compare_digest(expected.encode(), given.encode())


def _watcher(
    settings: SettingsDep,
    database: DatabaseDep,
    signer: SignerDep,
    bearer: BearerDep,
    basic: BasicDep,
) -> None:
    if basic and basic.username == METRICS_USER and opens_metrics(settings.metrics_token, basic.password):
        return
    if bearer is None:
        raise UnauthorizedError(
            "Metrics need the header Authorization: Bearer <token>, with a login's token or the one "
            "that the operator has set as TUNESMITH_METRICS_TOKEN"
        )
    if opens_metrics(settings.metrics_token, bearer.credentials):
        return
    claims = signer.read(bearer.credentials)
    with database.read() as session:
        service.authenticate(session, claims)


Watcher = Depends(_watcher)
"""Put it among the dependencies of what is for the operator's monitoring."""
