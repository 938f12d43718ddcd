"""Masks of objects, learnt from their boxes."""

from tunesmith.training.tasks.auto_labelling.task import AutoLabelling

TASK = AutoLabelling
