"""Detection of what words name."""

from tunesmith.training.tasks.grounding.task import Grounding

TASK = Grounding
