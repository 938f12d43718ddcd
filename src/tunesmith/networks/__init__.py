"""The architectures: a folder each, with a torch-free spec and the model that it builds."""

from tunesmith.networks.base import Network
from tunesmith.networks.registry import UnknownNetworkError, get_network, networks

__all__ = ["Network", "UnknownNetworkError", "get_network", "networks"]
