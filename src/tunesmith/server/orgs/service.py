"""What an organisation has to compute on."""

from uuid import UUID

from tunesmith.server.orgs.schemas import PlatformReply
from tunesmith.server.scheduling.resources import Fleet


def platforms(fleet: Fleet) -> dict[UUID, PlatformReply]:
    """The kinds of GPUs and processors of all machines."""
    return {
        identity: PlatformReply(node=node.name, gpu_type=kind)
        for identity, (node, kind) in fleet.platforms().items()
    }
