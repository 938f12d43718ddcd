"""Semantic segmentation: a class for each pixel."""

from tunesmith.training.tasks.segmentation.task import Segmentation

TASK = Segmentation
