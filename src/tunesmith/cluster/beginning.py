"""How an attempt comes to its nodes: it is placed there, or found there."""

import asyncio
from collections.abc import Iterator, Sequence
from uuid import UUID

from tunesmith.cluster.attempt import UNHEARD, Attempt, Seat, seats_of
from tunesmith.cluster.nodes import Nodes
from tunesmith.cluster.parts import Held, Key, Part
from tunesmith.cluster.placing import Room, find_room, give_back
from tunesmith.protocol import Failed, JobRequest
from tunesmith.workers.orders import Adoption, Order


class NoRoomError(Exception):
    """It cannot begin now; the message says what it waits for."""


class NoWorkerError(Exception):
    """There is no worker; the message says why."""


class UnfitError(Exception):
    """The job cannot run on these nodes."""

    def __init__(self, failed: Failed) -> None:
        super().__init__(failed.message)
        self.failed = failed


async def place(nodes: Nodes, order: Order, request: JobRequest, attempt: Attempt, server: str) -> None:
    """Find room for an attempt, and start its workers.

    Args:
        nodes: the cluster's.
        order: what the server wants.
        request: the job's.
        attempt: gets its nodes.
        server: the id of the server.

    Raises:
        NoRoomError: there is none within the order's patience.
        UnfitError: the job cannot run on the nodes that it got.
        NoWorkerError: a worker could not be started, or the server has given up.
    """
    count = request.resources.nodes
    allowed = nodes.allowed(order.platform)
    name = group_name(server, key_of(request))
    room = await find_room(name, order, count, allowed, lambda: attempt.given_up)
    if room is None:
        if attempt.given_up:
            raise NoWorkerError("it was stopped before it began")
        raise NoRoomError(_full(order, count))
    try:
        await _begin(nodes, order, attempt, request, room)
    except UNHEARD as error:
        await attempt.kill_all()
        give_back(name)
        raise NoWorkerError(f"a node of the cluster did not answer: {type(error).__name__}") from error
    except BaseException:  # cancelled, too: nobody else knows what this attempt occupies
        await attempt.kill_all()
        give_back(name)
        raise


async def _begin(nodes: Nodes, order: Order, attempt: Attempt, request: JobRequest, room: Room) -> None:
    keepers = [nodes.keeper(place.node) for place in room.places]
    if not all(keepers):
        raise NoRoomError("Waits for a node that has just come to the Ray cluster")
    at_work = [keeper for keeper in keepers if keeper]
    meeting = await at_work[0].meeting() if len(room.places) > 1 else ""
    parts = [_part(order, request, room, number, meeting) for number in range(len(room.places))]
    seats = [
        Seat(_held(part), place.node, keeper)
        for part, place, keeper in zip(parts, room.places, at_work, strict=True)
    ]
    for failed in await asyncio.gather(*(seat.keeper.check(part) for seat, part in _pairs(seats, parts))):
        if failed:
            raise UnfitError(failed)
    attempt.sit(seats)
    launches = (seat.keeper.launch(part, attempt.held_at) for seat, part in _pairs(seats, parts))
    for seat, refusal in zip(seats, await asyncio.gather(*launches), strict=True):
        if refusal:
            raise NoWorkerError(f"no worker began on the node {nodes.name(seat.node)}: {refusal}")


async def find(nodes: Nodes, adoption: Adoption, held_at: float) -> Attempt:
    """The newest attempt of a job that is on some nodes.

    Raises:
        NoWorkerError: there is none, or a part of it is gone.
    """
    await nodes.greeted()
    keepers = nodes.keepers()
    asked = await asyncio.gather(
        *(keeper.holds(adoption.job_id) for keeper in keepers.values()), return_exceptions=True
    )
    found = [(node, held) for node, held in zip(keepers, asked, strict=True) if isinstance(held, Held)]
    if not found:
        raise NoWorkerError("it is not here")
    key = max((held.key for _, held in found), key=lambda one: one.attempt)
    seats = seats_of(nodes, [(node, held) for node, held in found if held.key == key])
    attempt = Attempt(nodes, key, adoption, held_at)
    attempt.sit(seats)
    if len(seats) < seats[0].held.nodes or not await _adopted(seats, adoption, held_at):
        await attempt.kill_all()
        attempt.release()
        raise NoWorkerError("a part of it is gone")
    return attempt


async def _adopted(seats: Sequence[Seat], adoption: Adoption, held_at: float) -> bool:
    try:
        answers = await asyncio.gather(*(seat.keeper.adopt(seat.held, adoption, held_at) for seat in seats))
    except UNHEARD:
        return False
    return all(answers)


async def sweep(nodes: Nodes, server: str, groups: Sequence[str]) -> None:
    """Give back the resources of attempts that an earlier broker began and that no node knows."""
    await nodes.greeted()
    for group in groups:
        if group.startswith(group_name(server)):
            job_id = UUID(group.split("/")[2])
            asked = [keeper.holds(job_id) for keeper in nodes.keepers().values()]
            found = await asyncio.gather(*asked, return_exceptions=True)
            if not any(isinstance(held, Held) and held.group == group for held in found):
                give_back(group)


def group_name(server: str, key: Key | str = "") -> str:
    """The placement group of an attempt; without one, what all names of a server begin with."""
    return f"tunesmith/{server}/{key}"


def key_of(request: JobRequest) -> Key:
    """The attempt that a request is for."""
    return Key(job_id=request.job_id, attempt=request.attempt)


def adoption_of(order: Order, job_id: UUID) -> Adoption:
    """How a keeper finds the worker of an order again."""
    launch = order.launch
    return Adoption(
        job_id=job_id,
        report_url=order.report_url,
        token=launch.token,
        lease_seconds=launch.lease_seconds,
    )


def _pairs(seats: Sequence[Seat], parts: Sequence[Part]) -> Iterator[tuple[Seat, Part]]:
    return zip(seats, parts, strict=True)


def _part(order: Order, request: JobRequest, room: Room, number: int, meeting: str) -> Part:
    place = {"gpus": room.places[number].gpus, "node": number, "meeting": meeting}
    resources = request.resources.model_copy(update=place)
    return Part(
        request=request.model_copy(update={"resources": resources}),
        launch=order.launch,
        report_url=order.report_url,
        group=room.group,
    )


def _held(part: Part) -> Held:
    resources = part.request.resources
    return Held(key=part.key, node=resources.node, nodes=resources.nodes, group=part.group)


def _full(order: Order, count: int) -> str:
    needs = [f"{order.cpus} CPUs"] if order.cpus else []
    needs += [f"{order.gpus} GPUs"] if order.gpus else []
    needs += [f"{order.memory_mb} MiB of memory"] if order.memory_mb else []
    each = f" on each of {count} nodes" if count > 1 else ""
    return f"Waits for room on the Ray cluster: {', '.join(needs)}{each}"
