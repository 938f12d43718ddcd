"""How a training begins: from a model as the spec describes it, or from what another job left."""

from typing import Any

from torch import nn

from tunesmith.training.engine.training import Training
from tunesmith.training.tasks.base import Task
from tunesmith.training.verbs.job import Job
from tunesmith.training.verbs.parents import fetch_model, restore_task


class Beginning:
    """A training of a new model. Other verbs that train begin otherwise, and share the rest.

    Attributes:
        job: the job as it is to be done; its spec may differ from the request's.
    """

    def __init__(self, job: Job) -> None:
        self.job = job

    def build(self, task: Task[Any]) -> nn.Module:
        """The model, with random weights."""
        return task.build_model()

    def fill(self, task: Task[Any], model: nn.Module) -> None:
        """Fill in the weights to begin with. A training that goes on has its own."""
        task.load_pretrained(model)
        parent = self.job.run.request.parent
        if task.continues and parent and parent.files:
            path = fetch_model(self.job.run)
            _, weights = restore_task(self.job, path)
            self.job.run.note(task.take_over(model, weights, f"the parent's {path.name}"))

    def training(self, task: Task[Any], model: nn.Module) -> Training[Any]:
        """The model together with its loss."""
        return task.training(model)
