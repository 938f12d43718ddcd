"""Trains a network to do as a larger one does."""

from typing import Any

from torch import nn

from tunesmith.protocol import Cause
from tunesmith.specs.block import UNSET_PATH
from tunesmith.training.engine.checkpoints import TornCheckpointError, load_checkpoint
from tunesmith.training.engine.training import Training
from tunesmith.training.engine.weights import load_weights, workspace_file
from tunesmith.training.failures import JobError
from tunesmith.training.run import Run
from tunesmith.training.tasks import task_of
from tunesmith.training.tasks.base import Task
from tunesmith.training.verbs.beginning import Beginning
from tunesmith.training.verbs.job import Job
from tunesmith.training.verbs.parents import fetch_model, restore_model
from tunesmith.training.verbs.train import train_from

_PATH = "distill.pretrained_teacher_model_path"


def distill(run: Run) -> dict[str, Any]:
    """Train the spec's model with a teacher beside it. Returns and raises as train does.

    The teacher is the file of the workspace that distill.pretrained_teacher_model_path names, else the model
    of the parent job. Plain weights are loaded into the model that distill.teacher describes.
    """
    return train_from(run, Distilling)


class Distilling(Beginning):
    """A training of a new model that has a teacher."""

    def training(self, task: Task[Any], model: nn.Module) -> Training[Any]:
        """The model, its loss, and how far it is from its teacher."""
        teacher, knowing = _teacher(self.job, task)
        if teacher.classes != task.classes:
            raise JobError(
                Cause.BAD_DATA,
                f"The teacher tells other classes apart ({', '.join(teacher.classes)}) than the datasets "
                f"have ({', '.join(task.classes)}).",
                "Choose a teacher that was trained on the same classes, order included.",
            )
        self.job.run.note(f"The teacher is {teacher.subject}.")
        knowing.eval().requires_grad_(False)
        return task.distillation(task.training(model), teacher, knowing)


def _teacher(job: Job, task: Task[Any]) -> tuple[Task[Any], nn.Module]:
    section = job.spec.value("distill")  # some networks have one that may be left out
    named = section.pretrained_teacher_model_path if section else ""
    if named in ("", UNSET_PATH):
        return restore_model(job, fetch_model(job.run))
    path = workspace_file(job.run, named, _PATH)
    try:
        load_checkpoint(path)
    except TornCheckpointError:
        spec = job.spec.replaced("model", section.teacher)
        teacher = task_of(job.network, spec)(job.run, job.network, spec, task.classes)
        model = teacher.build_model()
        job.run.note(load_weights(model, path, _PATH))
        return teacher, model
    return restore_model(job, path)
