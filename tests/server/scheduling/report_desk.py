"""The one route of the API that nodes of a cluster use, for tests of a scheduler without the rest."""

import threading

import uvicorn
from fastapi import APIRouter, FastAPI

from tunesmith.server.auth.tokens import TokenSigner
from tunesmith.server.jobs.endpoints import router
from tunesmith.server.kit.database import Database
from tunesmith.server.kit.errors import install_error_handlers
from tunesmith.server.kit.settings import Settings
from tunesmith.server.opening import listening


class ReportDesk:
    """Serves on a free port of loopback."""

    def __init__(self, settings: Settings, database: Database) -> None:
        app = FastAPI()
        api = APIRouter()
        api.include_router(router, prefix="/api/v1/orgs/{org_name}")
        app.include_router(api)
        app.state.settings, app.state.database = settings, database
        app.state.signer = TokenSigner.of(settings)
        install_error_handlers(app)
        self._opened = listening("127.0.0.1", 0)
        listener = self._opened.__enter__()
        self.url = f"http://127.0.0.1:{listener.getsockname()[1]}"
        self._server = uvicorn.Server(uvicorn.Config(app, log_config=None, access_log=False))
        self._thread = threading.Thread(target=self._server.run, kwargs={"sockets": [listener]}, daemon=True)
        self._thread.start()

    def close(self) -> None:
        self._server.should_exit = True
        self._thread.join()
        self._opened.__exit__(None, None, None)
