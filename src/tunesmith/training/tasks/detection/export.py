"""A detector as a graph: what it takes and what it returns."""

from collections.abc import Mapping

from torch import Tensor, nn

from tunesmith.training.tasks.base import ExportPlan
from tunesmith.training.tasks.graphs import Spread, describe_input, example_of
from tunesmith.training.tasks.image_format import ImageFormat

INPUT = "inputs"
OUTPUTS = ("pred_logits", "pred_boxes")
THRESHOLD = "score_threshold"
"""The name, among a graph's metadata, of the confidence below which its candidates are worth nothing."""


class DetectorGraph(nn.Module):
    """Normalised images to logits and boxes of all candidates."""

    def __init__(self, model: nn.Module, trained: ImageFormat, given: ImageFormat) -> None:
        super().__init__()
        self.model = model
        self.spread = Spread(trained, given)

    def forward(self, images: Tensor) -> tuple[Tensor, Tensor]:
        """The logits (batch, candidates, classes) and the boxes (batch, candidates, 4) of a batch."""
        found = self.model(self.spread(images))
        return found.logits, found.boxes


def export_plan(
    model: nn.Module,
    trained: ImageFormat,
    given: ImageFormat,
    classes: tuple[str, ...],
    facts: Mapping[str, str],
) -> ExportPlan:
    """The plan for a graph that takes images of the format `given`.

    Args:
        model: the detector.
        trained: the format it was trained with.
        given: the format that the graph is to take.
        classes: the names of the logits' columns.
        facts: further metadata.
    """
    boxes = "centre x, centre y, width, height as shares of the input; the class scores are sigmoids"
    return ExportPlan(
        module=DetectorGraph(model, trained, given).eval(),
        example=example_of(given),
        input_name=INPUT,
        output_names=OUTPUTS,
        metadata={**describe_input(given), "boxes": boxes, **facts},
        labels=classes,
    )
