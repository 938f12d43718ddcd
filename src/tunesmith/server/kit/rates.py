"""Holds callers to their rate: by API key, or by address without a login, and by route."""

import time
from contextlib import suppress

from fastapi import Request
from starlette.datastructures import MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from tunesmith.server.auth.tokens import TokenSigner
from tunesmith.server.kit.errors import RateLimitedError, UnauthorizedError
from tunesmith.server.kit.limits import Kind, Limiter, Verdict, site_of
from tunesmith.server.kit.routes import RouteNames

_VERDICT = "tunesmith.verdict"
_UNCOUNTED = frozenset({"/api/v1/auth"})
"""A proxy asks there about each request of everybody: the requests themselves are counted."""
_REPORTS = "/jobs/{job_id}:report"
"""Where workers report as often as there is something new. They wait for each reply."""


class RateLimits:
    """Tells in each reply what is left: X-RateLimit-Limit, -Remaining, -Reset; Retry-After when nothing is.

    The count is taken once the route is known, by the dependency `counted`. What ends before that, at no
    route or with a body that is not JSON, is counted when it is answered.
    """

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Handle one connection."""
        if scope["type"] != "http" or scope["app"].state.limiter is None:
            await self._app(scope, receive, send)
            return

        async def send_with_headers(message: Message) -> None:
            if message["type"] == "http.response.start" and (verdict := _verdict(Request(scope))):
                _tell(MutableHeaders(scope=message), verdict)
            await send(message)

        await self._app(scope, receive, send_with_headers)


async def counted(request: Request) -> None:
    """Count a request, before anything is done for it.

    Raises:
        RateLimitedError: the caller has used up what the route allows.
    """
    verdict = _verdict(request)
    if verdict and not verdict.allowed:
        raise RateLimitedError(
            f"{verdict.limit} requests were made to this route, which is all that it allows "
            f"(TUNESMITH_RATE_LIMIT of the server); try again in {verdict.wait} s"
        )


def _verdict(request: Request) -> Verdict | None:
    if _VERDICT not in request.scope:
        request.scope[_VERDICT] = _count(request)
    verdict: Verdict | None = request.scope[_VERDICT]
    return verdict


def _count(request: Request) -> Verdict | None:
    limiter: Limiter | None = request.app.state.limiter
    names: RouteNames = request.app.state.route_names
    route = names.of(request.scope)
    if limiter is None or route in _UNCOUNTED:
        return None
    if (caller := _caller(request, uncounted=route.endswith(_REPORTS))) is None:
        return None
    return limiter.count(*caller, f"{request.method} {route}", time.time())


def _caller(request: Request, *, uncounted: bool) -> tuple[Kind, object] | None:
    """Who asks; None for a job that may do so `uncounted`."""
    scheme, _, token = request.headers.get("authorization", "").partition(" ")
    if scheme.lower() == "bearer":
        signer: TokenSigner = request.app.state.signer
        with suppress(UnauthorizedError):
            return "key", signer.read(token.strip()).key_id
        with suppress(UnauthorizedError):  # workers of one machine share its address, but no token
            job_id = signer.read_job(token.strip())
            return None if uncounted else ("key", job_id)
    return "address", site_of(request.client.host if request.client else "")


def _tell(headers: MutableHeaders, verdict: Verdict) -> None:
    headers["X-RateLimit-Limit"] = str(verdict.limit)
    headers["X-RateLimit-Remaining"] = str(verdict.remaining)
    headers["X-RateLimit-Reset"] = str(verdict.reset)
    if not verdict.allowed:
        headers["Retry-After"] = str(verdict.wait)
