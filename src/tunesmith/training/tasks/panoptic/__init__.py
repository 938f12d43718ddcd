"""Segmentation by masks: objects and grounds, objects alone, or a class for each pixel."""

from tunesmith.training.tasks.panoptic.task import PanopticSegmentation

TASK = PanopticSegmentation
