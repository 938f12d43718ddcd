"""Learning from images without labels, and going on from there with them."""

from typing import Any

from tunesmith.networks.mae.spec import FINETUNE
from tunesmith.specs import Block
from tunesmith.training.tasks.base import Task


def task_for(spec: Block) -> type[Task[Any]]:
    """The task of the spec's stage."""
    if spec.value("train.stage") == FINETUNE:
        from tunesmith.training.tasks.pretraining.finetuning import Finetuning

        return Finetuning
    from tunesmith.training.tasks.pretraining.task import Pretraining

    return Pretraining
