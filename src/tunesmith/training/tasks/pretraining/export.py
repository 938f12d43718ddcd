"""A masked autoencoder as a graph: what it takes and what it returns."""

from collections.abc import Mapping

from torch import Tensor, nn

from tunesmith.training.tasks.base import ExportPlan
from tunesmith.training.tasks.graphs import INPUT, Spread, describe_input, example_of
from tunesmith.training.tasks.image_format import ImageFormat

OUTPUTS = ("embedding", "patches")


class AutoencoderGraph(nn.Module):
    """Normalised images to embeddings and guesses at patches. Grey images are spread over the channels."""

    def __init__(self, model: nn.Module, trained: ImageFormat, given: ImageFormat) -> None:
        super().__init__()
        self.model = model
        self.spread = Spread(trained, given)

    def forward(self, images: Tensor) -> tuple[Tensor, Tensor]:
        """The embeddings and the patches of a batch."""
        found = self.model(self.spread(images))
        return found.embedding, found.patches


def export_plan(
    model: nn.Module, trained: ImageFormat, given: ImageFormat, facts: Mapping[str, str]
) -> ExportPlan:
    """The plan for a graph that takes images of the format `given`.

    Args:
        model: the autoencoder, built for the size of `given`.
        trained: the format it was trained with.
        given: the format that the graph is to take.
        facts: further metadata.
    """
    return ExportPlan(
        module=AutoencoderGraph(model, trained, given).eval(),
        example=example_of(given),
        input_name=INPUT,
        output_names=OUTPUTS,
        metadata={**describe_input(given), **facts},
    )
