"""Detection of what words name, with masks, as the verbs see it."""

from dataclasses import replace

from torch import Tensor

from tunesmith.networks import Network
from tunesmith.specs import Block
from tunesmith.training.run import Run
from tunesmith.training.tasks.base import ExportPlan
from tunesmith.training.tasks.detection.metrics import DetectionMeter
from tunesmith.training.tasks.detection.samples import TrainingSamples
from tunesmith.training.tasks.grounding.task import Grounding
from tunesmith.training.tasks.mask_grounding.metrics import BoxMeter, MaskMeter

MASKS = "pred_masks"


class MaskGrounding(Grounding):
    """Finds and outlines what words name."""

    def __init__(
        self,
        run: Run,
        network: Network,
        spec: Block,
        classes: tuple[str, ...],
        samples: TrainingSamples | None = None,
    ) -> None:
        super().__init__(run, network, spec, classes, samples)
        self.masks = self.learns_masks(spec)
        self.meter_type: type[DetectionMeter] = MaskMeter if self.masks else BoxMeter

    @classmethod
    def learns_masks(cls, spec: Block) -> bool:
        """Whether a spec asks for masks."""
        return bool(spec.value("model.has_mask"))

    def export_plan(self, weights: dict[str, Tensor], spec: Block) -> ExportPlan:
        """The detector as a graph, with the masks of its candidates as a third output."""
        plan = super().export_plan(weights, spec)
        if not self.masks:
            return plan
        masks = "logits by a quarter of the input's sides; a pixel is inside where its logit is above 0"
        names = (*plan.output_names, MASKS)
        return replace(plan, output_names=names, metadata=plan.metadata | {"masks": masks})
