"""Image classification."""

from tunesmith.training.tasks.classification.task import Classification

TASK = Classification
