"""A classifier as a graph: what it takes, what it returns, and what its user must know."""

from collections.abc import Mapping, Sequence

import torch
from torch import Tensor, nn

import tunesmith
from tunesmith.networks.classification_pyt.model import Classifier
from tunesmith.specs import SpecError, SpecProblem
from tunesmith.specs.blocks.actions import Export
from tunesmith.training.engine.weights import fit
from tunesmith.training.tasks.base import ExportPlan
from tunesmith.training.tasks.classification.format import ImageFormat

INPUT = "input_1"
OUTPUTS = ("logits", "probs")


class ClassifierGraph(nn.Module):
    """Normalised images to logits and probabilities. Grey images are spread over the model's channels."""

    scale: Tensor
    shift: Tensor

    def __init__(self, model: nn.Module, trained: ImageFormat, given: ImageFormat) -> None:
        super().__init__()
        self.model = model
        self._spread = given.channels < trained.channels
        # g = x * std + mean is the grey value; (g - mean_c) / std_c is what channel c was trained with.
        mean, std = torch.tensor(trained.mean), torch.tensor(trained.std)
        self.register_buffer("scale", (given.std[0] / std).view(1, -1, 1, 1))
        self.register_buffer("shift", ((given.mean[0] - mean) / std).view(1, -1, 1, 1))

    def forward(self, images: Tensor) -> tuple[Tensor, Tensor]:
        """The logits and the probabilities of a batch."""
        if self._spread:
            images = images * self.scale + self.shift
        logits = self.model(images)
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
        example=torch.zeros(2, given.channels, given.height, given.width),
        input_name=INPUT,
        output_names=OUTPUTS,
        metadata={
            "tunesmith": tunesmith.__version__,
            "normalisation": "(pixel / 255 - mean) / std by channel; RGB; batch x channel x height x width",
            "mean": _text(given.mean),
            "std": _text(given.std),
            "input_channels": str(given.channels),
            "input_height": str(given.height),
            "input_width": str(given.width),
            **facts,
        },
        labels=classes,
    )


def graph_input(trained: ImageFormat, spec: Export) -> ImageFormat:
    """The format that an export asks for. Width and height left at their defaults are the trained ones.

    A grey image is normalised by the means of the channels' mean and deviation.
    """
    untouched = Export()
    height = trained.height if spec.input_height == untouched.input_height else spec.input_height
    width = trained.width if spec.input_width == untouched.input_width else spec.input_width
    if spec.input_channel == trained.channels:
        return ImageFormat(height, width, trained.mean, trained.std)
    return ImageFormat(height, width, (_mean(trained.mean),), (_mean(trained.std),))


def graph_format(metadata: Mapping[str, str]) -> ImageFormat:
    """The format that an exported graph takes, from its metadata.

    Raises:
        SpecError: the graph was not exported by tunesmith, or not a classifier.
    """
    try:
        return ImageFormat(
            int(metadata["input_height"]),
            int(metadata["input_width"]),
            _numbers(metadata["mean"]),
            _numbers(metadata["std"]),
        )
    except (KeyError, ValueError) as error:
        rule = "must be a classifier exported by tunesmith: its metadata do not say what images it takes"
        raise SpecError([SpecProblem("model.onnx", rule, dict(metadata))]) from error


def load_resized(model: Classifier, weights: Mapping[str, Tensor], given: ImageFormat) -> None:
    """Fill in weights that were trained at another size; position embeddings are interpolated.

    Raises:
        SpecError: the backbone works at the trained size alone.
    """
    own = {name.removeprefix("net."): value for name, value in weights.items()}
    fitting = fit(model.net, own)
    if fitting.missing or fitting.mismatched:
        rule = "must be left at its default: this backbone works at the trained size alone"
        sizes = (("export.input_height", given.height), ("export.input_width", given.width))
        raise SpecError([SpecProblem(path, rule, value) for path, value in sizes])


def _text(numbers: Sequence[float]) -> str:
    return " ".join(repr(number) for number in numbers)


def _numbers(text: str) -> tuple[float, ...]:
    return tuple(float(number) for number in text.split())


def _mean(numbers: Sequence[float]) -> float:
    return sum(numbers) / len(numbers)
