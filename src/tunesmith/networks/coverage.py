"""Counts what becomes of the keys that the published API gives to each network."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from importlib.resources import files

from tunesmith.networks.base import Network
from tunesmith.specs.block import key_facts


@dataclass(frozen=True)
class Coverage:
    """The published keys of one network. Keys of ours are not counted.

    Attributes:
        arch: the network.
        published: how many keys there are.
        inert: those that are taken and do nothing, each with the reason.
        missing: those that its spec lacks.
    """

    arch: str
    published: int
    inert: Mapping[str, str]
    missing: tuple[str, ...]

    @property
    def acting(self) -> int:
        """How many keys do something."""
        return self.published - len(self.inert) - len(self.missing)

    @property
    def inert_share(self) -> float:
        """Which share of the keys does nothing, 0 to 1."""
        return len(self.inert) / self.published


def coverage(network: Network) -> Coverage:
    """What becomes of a network's published keys."""
    ours = {path: key_facts(field) for path, field in network.spec.leaves()}
    named = published_keys()[network.arch]
    return Coverage(
        arch=network.arch,
        published=len(named),
        inert={path: ours[path]["x-inert"] for path in named if ours.get(path, {}).get("x-inert")},
        missing=tuple(path for path in named if path not in ours),
    )


@cache
def published_keys() -> Mapping[str, tuple[str, ...]]:
    """The dotted names of the published keys, by network."""
    text = files("tunesmith.networks").joinpath("published_keys.json").read_text(encoding="utf-8")
    return {arch: tuple(keys) for arch, keys in json.loads(text).items()}
