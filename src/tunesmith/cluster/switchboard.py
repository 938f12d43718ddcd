"""Serves the connections of one server: each is about a job, or about the cluster."""

import asyncio
import logging
import os
import signal
import socket
import sys
from collections.abc import Awaitable, Callable
from contextlib import suppress
from functools import partial

import ray
import structlog

from tunesmith.cluster import local
from tunesmith.cluster.attempt import UNHEARD, Attempt
from tunesmith.cluster.beginning import (
    NoRoomError,
    NoWorkerError,
    UnfitError,
    adoption_of,
    find,
    key_of,
    place,
    sweep,
)
from tunesmith.cluster.nodes import Nodes
from tunesmith.cluster.remote import NAMESPACE
from tunesmith.protocol import JobFolder
from tunesmith.protocol.channel import MAX_LINE_BYTES, encode
from tunesmith.workers.orders import Adoption, BrokerSettings, Cluster, Order

CLOSE_SECONDS = 30.0
"""A little longer than a keeper gives its workers."""
_RETRY_SECONDS = 2.0
_CONNECT_SECONDS = 5.0

_log = structlog.get_logger()


class Broker:
    """Runs jobs for one server until it is gone, or wants an end."""

    def __init__(self, settings: BrokerSettings) -> None:
        self._settings = settings
        self._nodes = Nodes(settings, self._spread)
        self._watchers: set[asyncio.StreamWriter] = set()
        self._trouble = "it is being looked for"
        self._tried = asyncio.Event()
        self._connected = asyncio.Event()

    async def serve(self, listener: socket.socket) -> None:
        """Serve until the server is gone, or wants an end; then end this process."""
        loop = asyncio.get_running_loop()
        over, told = asyncio.Event(), asyncio.Event()
        loop.add_reader(sys.stdin.fileno(), _look_for_server, over)
        cluster = asyncio.create_task(self._keep_to_cluster(told))
        await asyncio.start_unix_server(self._hear, sock=listener, limit=MAX_LINE_BYTES)
        ends = [asyncio.create_task(one.wait()) for one in (over, told)]
        await asyncio.wait([*ends, cluster], return_when=asyncio.FIRST_COMPLETED)
        if told.is_set():
            await self._close()
        os._exit(0)  # at once: threads of Ray's may wait for a cluster that is gone

    async def _keep_to_cluster(self, told: asyncio.Event) -> None:
        """Find the cluster, and watch its nodes."""
        loop = asyncio.get_running_loop()
        loop.add_signal_handler(signal.SIGTERM, told.set)
        while not self._connected.is_set():
            try:
                await asyncio.to_thread(self._connect)
                loop.add_signal_handler(signal.SIGTERM, told.set)  # Ray has taken it
                self._connected.set()
            except (ConnectionError, OSError, RuntimeError, ValueError, ray.exceptions.RayError) as error:
                self._trouble = _reason(error)
                _log.warning("cluster_not_found", error=self._trouble)
                self._spread(Cluster(trouble=self._sentence()))
                self._tried.set()
                await asyncio.sleep(_RETRY_SECONDS)
        groups = await asyncio.to_thread(ray.util.placement_group_table)
        await self._nodes.look()
        self._tried.set()
        left = [group["name"] for group in groups.values() if group["state"] != "REMOVED"]
        self._sweeping = asyncio.create_task(sweep(self._nodes, self._settings.server, left))
        await self._nodes.watch()

    def _connect(self) -> None:
        """In a thread: Ray takes its time.

        Raises:
            ConnectionError, OSError, RuntimeError, ValueError: there is no such cluster.
        """
        asked = self._settings
        if asked.address:
            host, _, port = asked.address.rpartition(":")
            # Ray would look for it for half a minute.
            socket.create_connection((host.strip("[]"), int(port)), _CONNECT_SECONDS).close()
        address = asked.address or local.ensure(asked.run_dir, asked.cpus, asked.memory_mb).address
        ray.init(address=address, namespace=NAMESPACE, log_to_driver=False, logging_level=logging.ERROR)

    def _sentence(self) -> str:
        where = f" at {self._settings.address}" if self._settings.address else " of this machine"
        return f"The Ray cluster{where} cannot be reached: {self._trouble}"

    def _spread(self, cluster: Cluster) -> None:
        """Tell all who watch what there is."""
        for writer in self._watchers:
            writer.write(encode("cluster", cluster.model_dump_json()))

    async def _hear(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Serve one connection to its end."""
        try:
            await self._tried.wait()
            writer.write(encode("ready"))
            words = (await reader.readline()).decode().rstrip("\n").split(" ", 2)
            match words:
                case ["watch"]:
                    await self._watch(reader, writer)
                case [("launch" | "adopt") as how, stamp, text]:
                    await self._run(reader, writer, how, float(stamp), text)
                case _:
                    _log.error("strange_line", line=" ".join(words)[:40])
        except ConnectionError:
            pass  # the server is gone, or has lost interest
        finally:
            writer.close()

    async def _watch(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        there = self._nodes.cluster if self._connected.is_set() else Cluster(trouble=self._sentence())
        writer.write(encode("cluster", there.model_dump_json()))
        self._watchers.add(writer)
        await reader.read()
        self._watchers.discard(writer)

    async def _run(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, how: str, at: float, text: str
    ) -> None:
        """Run a job, until it is over or the server has gone."""
        if not self._connected.is_set():
            writer.write(encode("waits", self._sentence()))
            await writer.drain()
            return
        begin: Callable[[], Awaitable[None]] = _nothing
        if how == "launch":
            order = Order.model_validate_json(text)
            request = await asyncio.to_thread(JobFolder(order.launch.folder).request)
            attempt = Attempt(self._nodes, key_of(request), adoption_of(order, request.job_id), at)
            begin = partial(place, self._nodes, order, request, attempt, self._settings.server)
        else:
            try:
                attempt = await find(self._nodes, Adoption.model_validate_json(text), at)
            except NoWorkerError as error:
                writer.write(encode("gone", error))
                await writer.drain()
                return
        following = asyncio.create_task(self._follow(writer, attempt, begin))
        listening = asyncio.create_task(_listen(reader, attempt))
        await asyncio.wait([following, listening], return_when=asyncio.FIRST_COMPLETED)
        for task in (following, listening):
            task.cancel()
            with suppress(asyncio.CancelledError, ConnectionError):
                await task

    async def _follow(
        self, writer: asyncio.StreamWriter, attempt: Attempt, begin: Callable[[], Awaitable[None]]
    ) -> None:
        """See an attempt from its beginning, which may be over, to its end, and say how that was."""
        try:
            await begin()
            writer.write(encode("begun"))
            line = encode("gone", await attempt.to_end())
            attempt.release()
        except NoRoomError as error:
            line = encode("waits", error)
        except UnfitError as error:
            line = encode("failed", error.failed.model_dump_json())
        except NoWorkerError as error:
            line = encode("gone", error)
        except UNHEARD as error:
            line = encode("gone", f"the cluster does not answer: {type(error).__name__}")
        writer.write(line)
        await writer.drain()

    async def _close(self) -> None:
        """End what runs for this server."""
        if self._connected.is_set():
            with suppress(*UNHEARD):
                await asyncio.wait_for(self._nodes.close(CLOSE_SECONDS), CLOSE_SECONDS + 1)
        if not self._settings.address:
            await asyncio.to_thread(local.end, self._settings.run_dir)


def _look_for_server(gone: asyncio.Event) -> None:
    if not os.read(sys.stdin.fileno(), 4096):
        gone.set()


async def _nothing() -> None:
    """How an attempt begins that was found running."""


async def _listen(reader: asyncio.StreamReader, attempt: Attempt) -> None:
    while line := await reader.readline():
        attempt.hear(line.decode().split())


def _reason(error: Exception) -> str:
    text = " ".join(str(error).split()) or type(error).__name__
    return text if len(text) < 300 else f"{text[:300]}..."
