"""Finds room on a Ray cluster for an attempt, and gives it back."""

import asyncio
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any, NamedTuple

import ray
from ray.util.placement_group import PlacementGroup
from ray.util.scheduling_strategies import PlacementGroupSchedulingStrategy

from tunesmith.cluster.remote import ANSWER_SECONDS
from tunesmith.workers.orders import Order

_NODE_LABEL = "ray.io/node-id"
_LOOK_SECONDS = 0.5

_waiting = ThreadPoolExecutor(max_workers=64, thread_name_prefix="placing")


class Place(NamedTuple):
    """What an attempt has on one node: the node, and the indices of GPUs there."""

    node: str
    gpus: tuple[int, ...]


class Room(NamedTuple):
    """What an attempt has: a placement group by its name, and a place on each node, the leading one first."""

    group: str
    places: tuple[Place, ...]


async def find_room(
    name: str, order: Order, nodes: int, allowed: Sequence[str] | None, given_up: Callable[[], bool]
) -> Room | None:
    """Room for an attempt, or None if there is none within its patience, or `given_up`.

    Args:
        name: of the placement group to be.
        order: says what is needed on each node.
        nodes: how many nodes.
        allowed: the nodes that it may be on; None for any.
        given_up: asked again and again while there is none.
    """
    needs = {"CPU": order.cpus, "GPU": order.gpus, "memory": order.memory_mb << 20}
    group = ray.util.placement_group(
        [{what: float(amount) for what, amount in needs.items() if amount}] * nodes,
        strategy="STRICT_SPREAD" if nodes > 1 else "PACK",
        name=name,
        lifetime="detached",
        bundle_label_selector=None
        if allowed is None
        else [{_NODE_LABEL: f"in({', '.join(allowed)})"}] * nodes,
    )
    loop = asyncio.get_running_loop()
    try:
        until = loop.time() + order.patience
        while loop.time() < until and not given_up():
            if await loop.run_in_executor(_waiting, group.wait, _LOOK_SECONDS):
                return Room(name, await _places(group, order, nodes))
    except BaseException:
        ray.util.remove_placement_group(group)
        raise
    ray.util.remove_placement_group(group)
    return None


def give_back(name: str) -> None:
    """Release the resources of an attempt. Harmless if that has been done."""
    try:
        ray.util.remove_placement_group(ray.util.get_placement_group(name))
    except (ValueError, ray.exceptions.RayError):
        return


async def _places(group: PlacementGroup, order: Order, nodes: int) -> tuple[Place, ...]:
    table: dict[str, Any] = await asyncio.to_thread(ray.util.placement_group_table, group)
    found = table["bundles_to_node_id"]
    gpus = await asyncio.gather(*(_gpus(group, bundle, order.gpus) for bundle in range(nodes)))
    return tuple(Place(found[bundle], gpus[bundle]) for bundle in range(nodes))


async def _gpus(group: PlacementGroup, bundle: int, count: int) -> tuple[int, ...]:
    """Ray tells which GPUs a bundle has to what runs in it."""
    if not count:
        return ()
    strategy = PlacementGroupSchedulingStrategy(group, placement_group_bundle_index=bundle)
    task = ray.remote(_told_gpus).options(num_cpus=0, num_gpus=count, scheduling_strategy=strategy)
    found: list[int] = await asyncio.wait_for(task.remote(), 6 * ANSWER_SECONDS)
    return tuple(found)


def _told_gpus() -> list[int]:
    return [int(one) for one in ray.get_gpu_ids()]
