"""Logging in, on the wire."""

from typing import Annotated
from uuid import UUID

from pydantic import StringConstraints

from tunesmith.server.kit.wire import Body, Reply

Credential = Annotated[str, StringConstraints(max_length=1000)]


class LoginReq(Body):
    """A key and the organisation it is for. The names are the API's own, for its existing clients."""

    ngc_key: Credential
    ngc_org_name: Credential
    enable_telemetry: bool | None = None


class LoginRsp(Reply):
    """Who has logged in, and the token to send with each request from now on."""

    user_id: UUID
    token: str
    user_name: str | None
    user_email: str | None


class AuthRsp(Reply):
    """Who makes a request that may pass; nobody in particular if it needs no login."""

    user_id: UUID | None = None
