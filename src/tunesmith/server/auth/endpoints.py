"""Logging in, and telling a proxy who has."""

from typing import Annotated

from fastapi import APIRouter, Header

from tunesmith.server.auth import proxy, service
from tunesmith.server.auth.proxy import Question
from tunesmith.server.auth.schemas import AuthRsp, LoginReq, LoginRsp
from tunesmith.server.kit.dependencies import (
    BasicDep,
    BearerDep,
    DatabaseDep,
    SettingsDep,
    SignerDep,
)
from tunesmith.server.kit.errors import UnauthorizedError
from tunesmith.server.metrics.access import opens_metrics

router = APIRouter(tags=["AUTHENTICATION"])

OriginalUrl = Annotated[str, Header(alias="X-Original-Url", description="The request that is asked about.")]
OriginalMethod = Annotated[str, Header(alias="X-Original-Method", description="Its method.")]


@router.post("/login")
def log_in(body: LoginReq, database: DatabaseDep, signer: SignerDep) -> LoginRsp:
    """Exchange an API key for a token that holds for a day."""
    identity = service.log_in(database, body.ngc_key, body.ngc_org_name)
    return LoginRsp(
        user_id=identity.user.id,
        token=service.token_of(identity, signer),
        user_name=identity.user.name,
        user_email=identity.user.email,
    )


@router.get("/auth", response_model_exclude_none=True)
def may_pass(
    database: DatabaseDep,
    signer: SignerDep,
    settings: SettingsDep,
    bearer: BearerDep,
    basic: BasicDep,
    url: OriginalUrl = "",
    method: OriginalMethod = "GET",
) -> AuthRsp:
    """Whether a proxy may let a request through: 200 if so, 401 without a login, 403 for another's."""
    question = Question(method, url)
    if question.is_open:
        return AuthRsp()
    if basic and basic.username == proxy.METRICS_USER and question.path in proxy.METRICS_PATHS:
        if opens_metrics(settings.metrics_token, basic.password):
            return AuthRsp()
        raise UnauthorizedError("This is not the token that the operator has set as TUNESMITH_METRICS_TOKEN")
    with database.read() as session:
        if bearer:
            caller = proxy.caller_by_bearer(session, signer, bearer)
        elif basic:
            caller = proxy.caller_by_basic(session, basic)
        else:
            raise UnauthorizedError("The request carries no credentials; log in and send them")
    question.check_org(caller)
    return AuthRsp(user_id=caller.user_id)


@router.options("/auth", include_in_schema=False)
def preflight() -> AuthRsp:
    """Browsers ask before they send credentials: that passes always."""
    return AuthRsp()
