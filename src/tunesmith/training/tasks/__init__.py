"""What a family of networks shares: samples, batches, loss, metrics, predictions. A package a family."""

from importlib import import_module
from typing import Any

from tunesmith.networks import Network
from tunesmith.specs import Block
from tunesmith.training.tasks.base import Task


def task_of(network: Network, spec: Block) -> type[Task[Any]]:
    """The task that a network belongs to; of some packages the spec chooses one."""
    package = import_module(f"tunesmith.training.tasks.{network.task}")
    found: type[Task[Any]] = package.task_for(spec) if hasattr(package, "task_for") else package.TASK
    return found
