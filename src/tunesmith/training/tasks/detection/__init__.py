"""Object detection."""

from tunesmith.training.tasks.detection.task import Detection

TASK = Detection
