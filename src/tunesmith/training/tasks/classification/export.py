"""A classifier as a graph: what it takes, what it returns, and what its user must know."""

from collections.abc import Mapping

from torch import Tensor, nn

from tunesmith.training.tasks.base import ExportPlan
from tunesmith.training.tasks.graphs import INPUT, Spread, describe_input, example_of
from tunesmith.training.tasks.image_format import ImageFormat

OUTPUTS = ("logits", "probs")


class ClassifierGraph(nn.Module):
    """Normalised images to logits and probabilities. Grey images are spread over the model's channels."""

    def __init__(self, model: nn.Module, trained: ImageFormat, given: ImageFormat) -> None:
        super().__init__()
        self.model = model
        self.spread = Spread(trained, given)

    def forward(self, images: Tensor) -> tuple[Tensor, Tensor]:
        """The logits and the probabilities of a batch."""
        logits = self.model(self.spread(images))
        return logits, logits.softmax(dim=1)


def export_plan(
    model: nn.Module,
    trained: ImageFormat,
    given: ImageFormat,
    classes: tuple[str, ...],
    facts: Mapping[str, str],
) -> ExportPlan:
    """The plan for a graph that takes images of the format `given`.

    Args:
        model: the classifier, built for the size of `given`.
        trained: the format it was trained with.
        given: the format that the graph is to take.
        classes: the names of the outputs' columns.
        facts: further metadata.
    """
    return ExportPlan(
        module=ClassifierGraph(model, trained, given).eval(),
        example=example_of(given),
        input_name=INPUT,
        output_names=OUTPUTS,
        metadata={**describe_input(given), **facts},
        labels=classes,
    )
