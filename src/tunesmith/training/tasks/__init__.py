"""What a family of networks shares: samples, batches, loss, metrics, predictions. A package a family."""

from importlib import import_module
from typing import Any

from tunesmith.networks import Network
from tunesmith.training.tasks.base import Task


def task_of(network: Network) -> type[Task[Any]]:
    """The task that a network belongs to."""
    found: type[Task[Any]] = import_module(f"tunesmith.training.tasks.{network.task}").TASK
    return found
