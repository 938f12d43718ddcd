"""What the task asks of a network's spec, whose keys differ by network: a module a network."""

from importlib import import_module
from typing import cast

from tunesmith.networks import Network
from tunesmith.specs import Block
from tunesmith.training.tasks.classification.dialects.base import Dialect


def dialect_of(network: Network, spec: Block) -> Dialect:
    """The spec of a network, as the task reads it."""
    module = import_module(f"{__name__}.{network.arch}")
    return cast("Dialect", module.DIALECT(spec))
