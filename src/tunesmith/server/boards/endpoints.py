"""Endpoints that lead to an experiment's TensorBoard, and through which its browser talks to it."""

from collections.abc import Mapping
from pathlib import Path
from typing import Annotated

from fastapi import APIRouter, Depends, Request
from fastapi.responses import FileResponse, RedirectResponse, Response, StreamingResponse
from starlette.background import BackgroundTask
from starlette.concurrency import run_in_threadpool

from tunesmith.server.boards.files import BoardFiles
from tunesmith.server.boards.passes import (
    COOKIE,
    COOKIE_LIFETIME,
    TICKET_LIFETIME,
    BoardPath,
    check_pass,
    claims_in,
    enabled_board,
    ticket_of,
)
from tunesmith.server.boards.processes import Board, Boards
from tunesmith.server.kit.dependencies import (
    BearerDep,
    CallerDep,
    DatabaseDep,
    OrgName,
    ReadSession,
    SignerDep,
)
from tunesmith.server.kit.errors import ServiceError, UnauthorizedError
from tunesmith.server.kit.ids import PathId
from tunesmith.server.kit.wire import Reply

router = APIRouter(tags=["EXPERIMENT"])
pages = APIRouter()

_PAGE = Path(__file__).parents[1] / "console" / "static" / "board.html"
_PAGE_HEADERS = {"Content-Security-Policy": "default-src 'self'", "X-Content-Type-Options": "nosniff"}
_ASKED = frozenset({"accept", "accept-encoding", "accept-language", "content-type", "if-none-match"})
_ANSWERED = frozenset(
    {"content-type", "content-encoding", "content-length", "cache-control", "etag", "location", "expires"}
    | {"content-security-policy", "x-content-type-options", "x-frame-options"}
)


class BoardRsp(Reply):
    """Where the TensorBoard is. The link opens it for whoever has it, for two minutes."""

    url: str


@router.get("/experiments/{experiment_id}:tensorboard")
def open_tensorboard(
    caller: CallerDep, experiment_id: PathId, session: ReadSession, signer: SignerDep, bearer: BearerDep
) -> BoardRsp:
    """Get a link to the TensorBoard of an experiment, where `tensorboard_enabled` is set."""
    enabled_board(session, caller, experiment_id)
    path = BoardPath(caller.org_name, experiment_id)
    claims = signer.read(bearer.credentials if bearer else "")
    return BoardRsp(url=f"{path}/?ticket={ticket_of(signer, claims, path, TICKET_LIFETIME)}")


def _path(org_name: OrgName, experiment_id: PathId) -> BoardPath:
    return BoardPath(org_name, experiment_id)


PathDep = Annotated[BoardPath, Depends(_path)]
_WHERE = "/tensorboard/v1/orgs/{org_name}/experiments/{experiment_id}"


@pages.get(_WHERE)
async def add_slash(path: PathDep) -> Response:
    """The address that existing clients print."""
    return RedirectResponse(f"{path}/")


@pages.get(f"{_WHERE}/{{rest:path}}")
@pages.post(f"{_WHERE}/{{rest:path}}")
async def show(request: Request, path: PathDep, signer: SignerDep, database: DatabaseDep) -> Response:
    """Exchange a link for a cookie, ask for a login, or hand the request on."""
    if ticket := request.query_params.get("ticket"):
        return _with_cookie(request, signer, ticket, path)
    try:
        claims = claims_in(signer, request.cookies.get(COOKIE, ""), path)
    except UnauthorizedError:
        if "text/html" in request.headers.get("accept", ""):
            return FileResponse(_PAGE, 401, headers=_PAGE_HEADERS)
        raise
    boards: Boards = request.app.state.boards
    files: BoardFiles = request.app.state.board_files

    def check() -> None:
        with database.read() as session:
            check_pass(session, claims, path)

    try:
        await run_in_threadpool(check)
    except ServiceError:
        await boards.stop(str(path))
        raise
    folder = await run_in_threadpool(files.folder, path.experiment_id)
    return await _handed_on(request, await boards.get(str(path), folder))


def _with_cookie(request: Request, signer: SignerDep, ticket: str, path: BoardPath) -> Response:
    cookie = ticket_of(signer, claims_in(signer, ticket, path), path, COOKIE_LIFETIME)
    reply = RedirectResponse(f"{path}/", 303)
    reply.set_cookie(
        COOKIE,
        cookie,
        max_age=int(COOKIE_LIFETIME.total_seconds()),
        path=f"{path}/",
        secure=request.url.scheme == "https",
        httponly=True,
        samesite="lax",  # a link in a chat is followed from elsewhere
    )
    return reply


async def _handed_on(request: Request, board: Board) -> Response:
    """TensorBoard's own answer. It sees neither cookies nor logins."""
    url = request.scope["raw_path"].decode("ascii")
    if request.url.query:
        url = f"{url}?{request.url.query}"
    asked = board.http.build_request(
        request.method, url, headers=_only(request.headers, _ASKED), content=await request.body()
    )
    answer = await board.http.send(asked, stream=True)
    return StreamingResponse(
        answer.aiter_raw(),
        answer.status_code,
        _only(answer.headers, _ANSWERED),
        background=BackgroundTask(answer.aclose),
    )


def _only(headers: Mapping[str, str], names: frozenset[str]) -> dict[str, str]:
    return {name: value for name, value in headers.items() if name.lower() in names}
