"""A segmentation as a graph: what it takes and what it returns."""

from collections.abc import Mapping

from torch import Tensor, nn

from tunesmith.training.tasks.base import ExportPlan
from tunesmith.training.tasks.graphs import INPUT, Spread, describe_input, example_of
from tunesmith.training.tasks.image_format import ImageFormat
from tunesmith.training.tasks.segmentation.metrics import at_size

OUTPUT = "logits"


class SegmentationGraph(nn.Module):
    """Normalised images to logits of their size: the class of a pixel is the largest of its column."""

    def __init__(self, model: nn.Module, trained: ImageFormat, given: ImageFormat) -> None:
        super().__init__()
        self.model = model
        self.spread = Spread(trained, given)
        self._size = (given.height, given.width)

    def forward(self, images: Tensor) -> tuple[Tensor]:
        """The logits (batch, classes, height, width) of a batch."""
        return (at_size(self.model(self.spread(images)), self._size),)


def export_plan(
    model: nn.Module,
    trained: ImageFormat,
    given: ImageFormat,
    classes: tuple[str, ...],
    facts: Mapping[str, str],
) -> ExportPlan:
    """The plan for a graph that takes images of the format `given`.

    Args:
        model: the model, built for the size of `given`.
        trained: the format it was trained with.
        given: the format that the graph is to take.
        classes: the names of the outputs' channels.
        facts: further metadata.
    """
    return ExportPlan(
        module=SegmentationGraph(model, trained, given).eval(),
        example=example_of(given),
        input_name=INPUT,
        output_names=(OUTPUT,),
        metadata={**describe_input(given), **facts},
        labels=classes,
    )
