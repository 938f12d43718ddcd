"""The TensorBoard processes of a server: started when asked for, ended when nobody looks any more."""

import asyncio
import re
import sys
import time
from contextlib import suppress
from dataclasses import dataclass, field
from importlib.util import find_spec
from pathlib import Path

import httpx
import structlog

from tunesmith.server.kit.errors import UnavailableError

IDLE_SECONDS = 1800.0
SPARE_SECONDS = 60.0
"""One that nobody has looked at for so long makes room for another."""
START_SECONDS = 60.0
LOOK_SECONDS = 30.0

_LISTENS = re.compile(rb"http://127\.0\.0\.1:(\d+)/")
_log = structlog.get_logger()


@dataclass
class Board:
    """One process, and where it answers."""

    process: asyncio.subprocess.Process
    http: httpx.AsyncClient
    drain: "asyncio.Task[None]"
    used: float = field(default_factory=time.monotonic)

    async def end(self) -> None:
        """End the process."""
        with suppress(ProcessLookupError):
            self.process.terminate()
        await self.process.wait()
        await self.http.aclose()


class Boards:
    """At most `most` processes. All methods run on the event loop."""

    def __init__(self, most: int) -> None:
        self._most = most
        self._boards: dict[str, Board] = {}
        self._starting = asyncio.Lock()

    async def get(self, prefix: str, logs: Path) -> Board:
        """The process that shows what is in a folder, below the path `prefix`.

        Raises:
            UnavailableError: it cannot be started here, or not now.
        """
        async with self._starting:
            board = self._boards.get(prefix)
            if board is None or board.process.returncode is not None:
                await self.stop(prefix)
                await self._make_room()
                board = self._boards[prefix] = await _start(logs, prefix)
            board.used = time.monotonic()
        return board

    async def stop(self, prefix: str) -> None:
        """End the process below a path, if there is one."""
        if board := self._boards.pop(prefix, None):
            await board.end()

    async def end_idle_ones(self) -> None:
        """For ever."""
        while True:
            await asyncio.sleep(LOOK_SECONDS)
            for prefix, board in list(self._boards.items()):
                if time.monotonic() - board.used > IDLE_SECONDS:
                    await self.stop(prefix)

    async def close(self) -> None:
        """End all."""
        for prefix in list(self._boards):
            await self.stop(prefix)

    async def _make_room(self) -> None:
        if len(self._boards) < self._most:
            return
        oldest = min(self._boards, key=lambda one: self._boards[one].used, default=None)
        if oldest is None or time.monotonic() - self._boards[oldest].used < SPARE_SECONDS:
            raise UnavailableError(
                f"{self._most} TensorBoards are open on this server, which is all that it allows "
                "(TUNESMITH_TENSORBOARDS); try again later"
            )
        await self.stop(oldest)


async def _start(logs: Path, prefix: str) -> Board:
    if find_spec("tensorboard") is None:
        raise UnavailableError(
            "TensorBoard is not installed on this server. Install it: pip install 'tunesmith[train]'"
        )
    options = ("--logdir", str(logs), "--host", "127.0.0.1", "--port", "0", "--path_prefix", prefix)
    more = ("--load_fast", "false", "--reload_multifile", "true")
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        "tensorboard.main",
        *options,
        *more,
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.DEVNULL,
        stderr=asyncio.subprocess.PIPE,
    )
    try:
        port = await asyncio.wait_for(_port(process), START_SECONDS)
    except (TimeoutError, EOFError) as error:
        with suppress(ProcessLookupError):
            process.kill()
        raise UnavailableError(f"TensorBoard could not be started: {error or 'it took too long'}") from None
    assert process.stderr is not None  # noqa: S101 - it is a pipe
    client = httpx.AsyncClient(base_url=f"http://127.0.0.1:{port}", timeout=60, trust_env=False)
    return Board(process, client, asyncio.create_task(_drain(process.stderr)))


async def _port(process: asyncio.subprocess.Process) -> int:
    assert process.stderr is not None  # noqa: S101 - it is a pipe
    said = b""
    while line := await process.stderr.readline():
        if found := _LISTENS.search(line):
            return int(found[1])
        said = line
    raise EOFError(said.decode(errors="replace").strip())


async def _drain(stream: asyncio.StreamReader) -> None:
    """A full pipe would stop the process."""
    while line := await stream.readline():
        _log.debug("tensorboard", said=line.decode(errors="replace").strip())
