"""Asks a training that runs in this process to stop."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from torch.nn.modules.module import register_module_forward_hook
from torch.optim.optimizer import register_optimizer_step_post_hook

from tunesmith.networks.classifier import Classifier


@contextmanager
def counting(stop: threading.Event, after: int, *, validating: bool) -> Iterator[None]:
    """Ask for a stop in time. Two batches are predicted before the training, to see what is measured."""
    left = after + 2 if validating else after

    def count(module: Any, *_: Any) -> None:
        nonlocal left
        if not validating or (isinstance(module, Classifier) and not module.training):
            left -= 1
            if left == 0:
                stop.set()

    hook = register_module_forward_hook(count) if validating else register_optimizer_step_post_hook(count)
    yield
    hook.remove()
