"""The server's application: what is served where, and what lives as long as the server."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from anyio.to_thread import current_default_thread_limiter
from cryptography.fernet import Fernet
from fastapi import APIRouter, Depends, FastAPI
from prometheus_client import CollectorRegistry, ProcessCollector

from tunesmith.server.auth import endpoints as auth
from tunesmith.server.auth.tokens import TokenSigner
from tunesmith.server.backups import endpoints as backups
from tunesmith.server.boards import endpoints as boards
from tunesmith.server.boards.files import BoardFiles
from tunesmith.server.boards.processes import Boards
from tunesmith.server.console import endpoints as console
from tunesmith.server.console import index
from tunesmith.server.datasets import endpoints as datasets
from tunesmith.server.experiments import endpoints as experiments
from tunesmith.server.health import endpoints as health
from tunesmith.server.jobs import endpoints as jobs
from tunesmith.server.jobs.followers import Followers
from tunesmith.server.kit.errors import install_error_handlers
from tunesmith.server.kit.limits import Limiter
from tunesmith.server.kit.middleware import Door, Journal, JsonBodies, OneNamespace
from tunesmith.server.kit.rates import RateLimits, counted
from tunesmith.server.kit.routes import RouteNames
from tunesmith.server.kit.secrets import Vault, key_file
from tunesmith.server.kit.settings import Settings
from tunesmith.server.kit.wire import ErrorRsp
from tunesmith.server.metrics import endpoints as metrics
from tunesmith.server.metrics.requests import Measured, RequestMetrics
from tunesmith.server.opening import open_database
from tunesmith.server.orgs import endpoints as orgs
from tunesmith.server.scheduling.hint import Hint
from tunesmith.server.scheduling.scheduler import Scheduler
from tunesmith.server.workspaces import endpoints as workspaces

API = "/api/v1"
API_VERSION = "6.0.0"
"""The version of the API whose clients work unchanged."""
REQUESTS_AT_ONCE = 64
MAX_BODY_BYTES = 10 * 1024 * 1024

_OF_ORGS = (
    workspaces.router,
    backups.router,
    datasets.router,
    boards.router,
    experiments.router,
    jobs.router,
)
_TOO_MANY = 429
_REFUSALS = {
    400: "The request is wrong",
    401: "Nobody is logged in",
    403: "Not yours",
    404: "Not there",
    413: "The body is too large",
    _TOO_MANY: "Too many requests",
    503: "Not now",
    507: "Too little disk space is left",
}


def create_app(settings: Settings) -> FastAPI:
    """The application. Its database, keys and scheduler come with its lifespan and go with it."""
    app = FastAPI(
        title="tunesmith",
        summary="Train, adapt and optimise vision models.",
        version=API_VERSION,
        openapi_url=None,
        lifespan=_lifespan,
        max_body_size=MAX_BODY_BYTES,
        dependencies=[Depends(counted)],
    )
    app.state.settings = settings
    app.state.limiter = Limiter(settings.rate) if settings.rate else None
    app.state.route_names = RouteNames(app)
    app.state.metrics = CollectorRegistry()
    ProcessCollector(registry=app.state.metrics)
    app.state.hint = Hint()
    app.include_router(_api(), prefix=API)
    app.include_router(metrics.router, include_in_schema=False)  # where Prometheus looks by itself
    app.include_router(index.router, include_in_schema=False)
    app.include_router(boards.pages, include_in_schema=False)
    for prefix in ("", API):
        app.include_router(console.router, prefix=prefix, include_in_schema=False)
    app.add_middleware(RateLimits)  # the last one added sees a request first
    app.add_middleware(Door, seats=REQUESTS_AT_ONCE)
    app.add_middleware(Measured, metrics=RequestMetrics(app.state.metrics), names=app.state.route_names)
    app.add_middleware(JsonBodies)  # it and the next hand on a copy of the scope: whoever wants to see
    app.add_middleware(OneNamespace)  # what the router leaves there must come after them
    app.add_middleware(Journal)
    install_error_handlers(app)
    return app


def _api() -> APIRouter:
    api = APIRouter()
    api.include_router(health.router, responses=_refusals(503))
    api.include_router(auth.router, responses=_refusals(400, 401, 403))
    api.include_router(metrics.router, responses=_refusals(400, 401, 507))
    api.include_router(orgs.router, responses=_refusals(400, 401, 403, 404))
    for router in _OF_ORGS:
        api.include_router(router, prefix="/orgs/{org_name}", responses=_refusals(*_REFUSALS))
    return api


def _refusals(*statuses: int) -> dict[int | str, dict[str, Any]]:
    """How routes refuse. Every caller has a rate."""
    return {
        status: {"model": ErrorRsp, "description": _REFUSALS[status]}
        for status in sorted({*statuses, _TOO_MANY})
    }


@asynccontextmanager
async def _lifespan(app: FastAPI) -> AsyncIterator[None]:
    settings: Settings = app.state.settings
    current_default_thread_limiter().total_tokens = REQUESTS_AT_ONCE
    database = open_database(settings)
    vault = Vault(settings.secret_key or key_file(settings.data_dir / "secret.key", Fernet.generate_key))
    scheduler = Scheduler(settings, database, vault, app.state.hint)
    app.state.database = database
    app.state.vault = vault
    app.state.signer = TokenSigner.of(settings)
    app.state.scheduler = scheduler
    followers = Followers(database)
    app.state.followers = followers
    scheduler.start()
    tensorboards = Boards(settings.tensorboards)
    app.state.boards = tensorboards
    app.state.board_files = BoardFiles(settings, database, vault)
    rounds = [asyncio.create_task(tensorboards.end_idle_ones())]
    if database.is_shared:
        rounds.append(asyncio.create_task(followers.watch_others()))
    try:
        yield
    finally:
        for round_ in rounds:
            round_.cancel()
        await tensorboards.close()
        scheduler.stop()
        database.dispose()
