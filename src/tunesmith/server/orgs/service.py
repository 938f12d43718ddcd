"""What an organisation has to compute on."""

from uuid import NAMESPACE_URL, UUID, uuid5

from tunesmith.server.kit.platform import Machine
from tunesmith.server.orgs.schemas import PlatformReply


def platforms(machine: Machine) -> dict[UUID, PlatformReply]:
    """The kinds of GPUs of a machine, and its processor, which always is there.

    The id of a kind stays the same as long as the machine keeps its name.
    """
    kinds = dict.fromkeys([*machine.gpus, f"CPU: {machine.processor} ({machine.cores} cores)"])
    return {
        uuid5(NAMESPACE_URL, f"{machine.node}/{kind}"): PlatformReply(node=machine.node, gpu_type=kind)
        for kind in kinds
    }
