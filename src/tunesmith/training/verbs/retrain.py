"""Trains what a prune job, or another training, left."""

from typing import Any

from torch import nn

from tunesmith.protocol import Cause
from tunesmith.training.failures import JobError
from tunesmith.training.run import Run
from tunesmith.training.tasks.base import Task
from tunesmith.training.verbs.beginning import Beginning
from tunesmith.training.verbs.job import Job
from tunesmith.training.verbs.parents import fetch_model, restore_task
from tunesmith.training.verbs.train import train_from


def retrain(run: Run) -> dict[str, Any]:
    """Train the parent's model on, with the channels that pruning left. Returns and raises as train does."""
    return train_from(run, Retraining)


class Retraining(Beginning):
    """A training of a model that exists. Its structure is the parent's, whatever the job's spec says."""

    def __init__(self, job: Job) -> None:
        path = fetch_model(job.run)
        self._parent, self._weights = restore_task(job, path)
        model = self._parent.spec.value("model")
        if job.spec.value("model") != model:
            job.run.note(f"The section model of the specs is that of the parent's {path.name}.")
        super().__init__(job.with_spec(job.spec.replaced("model", model)))

    def build(self, task: Task[Any]) -> nn.Module:
        """The parent's model, as pruning left it."""
        if task.classes != self._parent.classes:
            raise JobError(
                Cause.BAD_DATA,
                f"The datasets have other classes ({', '.join(task.classes)}) than the model to retrain "
                f"({', '.join(self._parent.classes)}).",
                "Attach datasets with the same classes, order included.",
            )
        task.cuts = self._parent.cuts
        return task.shaped(task.build_model())

    def fill(self, task: Task[Any], model: nn.Module) -> None:  # noqa: ARG002 - the weights are the parent's
        """Fill in the parent's weights."""
        model.load_state_dict(self._weights)
