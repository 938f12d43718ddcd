"""Sets the process up for its part of the machine."""

import logging
import random
import secrets

import numpy as np
import torch

from tunesmith.protocol import Resources
from tunesmith.specs.blocks.train import CuDNN


def take_resources(resources: Resources, local: int = 0) -> torch.device:
    """Use this process's part of the threads and GPUs that the job was given.

    The worker's environment shows the job's GPUs alone, so they count from 0.

    Args:
        resources: of the job on this machine.
        local: the place of this process among those that train together here.
    """
    torch.set_num_threads(max(1, resources.threads // resources.processes))
    logging.getLogger("lightning_fabric").setLevel(logging.WARNING)
    if local < len(resources.gpus) and torch.cuda.is_available():
        return torch.device("cuda", local)
    return torch.device("cpu")


def describe(device: torch.device) -> str:
    """The device as the log names it."""
    if device.type == "cuda":
        return torch.cuda.get_device_name(device)
    threads = torch.get_num_threads()
    return f"processor, {threads} thread{'s' if threads > 1 else ''}"


def seed_everything(seed: int) -> int:
    """Seed Python, NumPy and torch; -1 takes a new seed. Returns the seed taken."""
    if seed == -1:
        seed = secrets.randbits(31)
    random.seed(seed)
    np.random.seed(seed % 2**32)
    torch.manual_seed(seed)
    return seed


def set_cudnn(options: CuDNN) -> None:
    """Apply the spec's options of NVIDIA's convolution library."""
    torch.backends.cudnn.benchmark = options.benchmark
    torch.backends.cudnn.deterministic = options.deterministic
