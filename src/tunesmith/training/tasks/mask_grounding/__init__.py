"""Detection of what words name, with masks."""

from tunesmith.training.tasks.mask_grounding.task import MaskGrounding

TASK = MaskGrounding
