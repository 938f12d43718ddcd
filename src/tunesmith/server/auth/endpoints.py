"""Logging in."""

from fastapi import APIRouter

from tunesmith.server.auth import service
from tunesmith.server.auth.schemas import LoginReq, LoginRsp
from tunesmith.server.kit.dependencies import DatabaseDep, SignerDep

router = APIRouter(tags=["AUTHENTICATION"])


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
