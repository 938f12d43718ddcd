"""What images an exported graph takes, and how it tells."""

from collections.abc import Mapping, Sequence
from dataclasses import replace

import torch
from torch import Tensor, nn

import tunesmith
from tunesmith.specs import SpecError, SpecProblem
from tunesmith.specs.blocks.actions import OnnxExport
from tunesmith.training.engine.weights import fit
from tunesmith.training.tasks.image_format import ImageFormat

INPUT = "input_1"


class Spread(nn.Module):
    """Normalised images as a graph takes them to those that its model was trained with."""

    scale: Tensor
    shift: Tensor

    def __init__(self, trained: ImageFormat, given: ImageFormat) -> None:
        super().__init__()
        self._grey = given.channels < trained.channels
        # g = x * std + mean is the grey value; (g - mean_c) / std_c is what channel c was trained with.
        mean, std = torch.tensor(trained.mean), torch.tensor(trained.std)
        self.register_buffer("scale", (given.std[0] / std).view(1, -1, 1, 1))
        self.register_buffer("shift", ((given.mean[0] - mean) / std).view(1, -1, 1, 1))

    def forward(self, images: Tensor) -> Tensor:
        """(batch, channels, height, width) with the channels of the trained format."""
        return images * self.scale + self.shift if self._grey else images


def describe_input(given: ImageFormat) -> dict[str, str]:
    """What the user of a graph must know of its input, as metadata."""
    return {
        "tunesmith": tunesmith.__version__,
        "normalisation": "(pixel / 255 - mean) / std by channel; RGB; batch x channel x height x width",
        "mean": _text(given.mean),
        "std": _text(given.std),
        "input_channels": str(given.channels),
        "input_height": str(given.height),
        "input_width": str(given.width),
        "scaling": f"{'bicubic' if given.bicubic else 'bilinear'}{', margins cut' if given.centred else ''}",
    }


def example_of(given: ImageFormat) -> Tensor:
    """An input of this format, with a batch of two."""
    return torch.zeros(2, given.channels, given.height, given.width)


def noise_of(given: ImageFormat, count: int) -> Tensor:
    """Inputs of the spread that normalised images have, the same ones each time."""
    shape = (count, given.channels, given.height, given.width)
    return torch.randn(shape, generator=torch.Generator().manual_seed(0))


def graph_input(trained: ImageFormat, spec: OnnxExport) -> ImageFormat:
    """The format that an export asks for. Width and height left at their defaults are the trained ones.

    A grey image is normalised by the means of the channels' mean and deviation.
    """
    untouched = type(spec)()
    height = trained.height if spec.input_height == untouched.input_height else spec.input_height
    width = trained.width if spec.input_width == untouched.input_width else spec.input_width
    if spec.input_channel == trained.channels:
        return replace(trained, height=height, width=width)
    grey = ((_mean(trained.mean),), (_mean(trained.std),))
    return replace(trained, height=height, width=width, mean=grey[0], std=grey[1])


def graph_format(metadata: Mapping[str, str]) -> ImageFormat:
    """The format that an exported graph takes, from its metadata.

    Raises:
        SpecError: the graph was not exported by tunesmith.
    """
    try:
        return ImageFormat(
            int(metadata["input_height"]),
            int(metadata["input_width"]),
            _numbers(metadata["mean"]),
            _numbers(metadata["std"]),
            bicubic="bicubic" in metadata.get("scaling", ""),
            centred="margins cut" in metadata.get("scaling", ""),
        )
    except (KeyError, ValueError) as error:
        rule = "must be a model exported by tunesmith: its metadata do not say what images it takes"
        raise SpecError([SpecProblem("model.onnx", rule, dict(metadata))]) from error


def load_resized(model: nn.Module, weights: Mapping[str, Tensor], given: ImageFormat) -> None:
    """Fill in weights that were trained at another size; position embeddings are interpolated.

    Raises:
        SpecError: the model works at the trained size alone.
    """
    fitting = fit(model, weights)
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
