"""Finds networks by name. A new network is one line here."""

from functools import cache

from tunesmith.networks import (
    classification_pyt,
    classification_tf2,
    deformable_detr,
    dino,
    efficientdet_tf2,
    grounding_dino,
    mae,
    mal,
    mask2former,
    mask_grounding_dino,
    rtdetr,
    segformer,
)
from tunesmith.networks.base import Network


class UnknownNetworkError(LookupError):
    """No network of that name can be trained here; the message lists those that can."""

    def __init__(self, arch: str) -> None:
        super().__init__(f"network_arch {arch!r} is not available; available: {', '.join(networks())}")


@cache
def networks() -> dict[str, Network]:
    """All networks by their name in the API."""
    known = (
        classification_pyt.NETWORK,
        classification_tf2.NETWORK,
        deformable_detr.NETWORK,
        dino.NETWORK,
        efficientdet_tf2.NETWORK,
        grounding_dino.NETWORK,
        mae.NETWORK,
        mal.NETWORK,
        mask2former.NETWORK,
        mask_grounding_dino.NETWORK,
        rtdetr.NETWORK,
        segformer.NETWORK,
    )
    return {network.arch: network for network in known}


def get_network(arch: str) -> Network:
    """The network of that name.

    Raises:
        UnknownNetworkError: with the names there are.
    """
    try:
        return networks()[arch]
    except KeyError:
        raise UnknownNetworkError(arch) from None
