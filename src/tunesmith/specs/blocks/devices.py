"""How many devices an action asks for."""

from tunesmith.specs.block import Block
from tunesmith.specs.fields import array, integer

ONE_NODE = "only trainings run on several machines"


class Devices(Block):
    """GPUs and machines."""

    num_gpus: int = integer(
        1, "GPUs to use; on a machine without GPUs, 1 means its processor.", ge=1, popular=True
    )
    gpu_ids: list[int] = array(
        [0], "Indices of the GPUs to use; untouched, any free ones.", automl=False, popular=True
    )
    num_nodes: int = integer(1, "Machines to use.", ge=1, popular=True, inert=ONE_NODE)
