"""Structured pruning: whole channels are removed, with all that depends on them.

Which layers must lose the same channels is found by torch-pruning's dependency graph (Fang et al. 2023).
Which channels go is decided by the norm of each filter beside the others of its layer.
"""

import fnmatch
import warnings
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import torch
import torch_pruning as tp
from torch import Tensor, nn
from torch.utils.flop_counter import FlopCounterMode

from tunesmith.protocol import Cause
from tunesmith.specs import Block
from tunesmith.training.failures import JobError
from tunesmith.training.optimize.cuts import Cut

_CONVOLUTIONS = (nn.Conv1d, nn.Conv2d, nn.Conv3d, nn.ConvTranspose2d)
_FILTERS = (
    tp.prune_conv_out_channels,
    tp.prune_linear_out_channels,
    tp.prune_depthwise_conv_out_channels,
)


@dataclass(frozen=True)
class PruneSettings:
    """Which channels go.

    Attributes:
        threshold: channels whose score is below it go.
        normalizer: max or L2: what norms of a layer's filters are divided by.
        equalization: how scores of layers that must lose the same channels become one: union keeps what one
            of them would keep, intersection what all would keep, the means take the mean score.
        granularity: channels are left in multiples of it.
        least: fewer channels than this are never left.
        excluded: names or patterns of layers that stay as they are.
    """

    threshold: float
    normalizer: str = "max"
    equalization: str = "union"
    granularity: int = 8
    least: int = 16
    excluded: tuple[str, ...] = ()

    @classmethod
    def of(cls, section: Block) -> "PruneSettings":
        """From the section prune of a spec."""
        return cls(
            threshold=section.value("threshold"),
            normalizer=section.value("normalizer"),
            equalization=section.value("equalization_criterion"),
            granularity=section.value("granularity"),
            least=section.value("min_num_filters"),
            excluded=tuple(section.value("excluded_layers")),
        )


@dataclass(frozen=True)
class Size:
    """What a model costs: weights, and floating-point operations for one sample (a multiply-add is two)."""

    parameters: int
    flops: int


def size_of(model: nn.Module, example: Tensor) -> Size:
    """The size of a model.

    Args:
        model: in evaluation mode.
        example: an input with a batch of one.
    """
    with FlopCounterMode(display=False) as counter, torch.no_grad():
        model(example)
    return Size(sum(one.numel() for one in model.parameters()), counter.get_total_flops())


def prune_channels(
    model: nn.Module, example: Tensor, settings: PruneSettings, kept: Sequence[nn.Module]
) -> list[Cut]:
    """Remove channels in place.

    Args:
        model: to prune.
        example: an input of it.
        settings: which channels go.
        kept: the layers that make the model's outputs, which stay whole.

    Returns:
        What was removed, in order, for `cut`.

    Raises:
        JobError: the model cannot be pruned.
    """
    excluded = [
        layer
        for name, layer in model.named_modules()
        if any(fnmatch.fnmatch(name, one) for one in settings.excluded)
    ]
    before = _shapes(model, example)
    with _graph(model, example) as graph:
        groups = graph.get_all_groups(
            ignored_layers=[*kept, *excluded], root_module_types=[*_CONVOLUTIONS, nn.Linear]
        )
        for group in groups:
            if not any(_is_divided(dep.layer) for dep, _ in group):
                scores = _scores(group, settings)
                if scores is not None and (going := _going(scores, settings)):
                    root = group[0].dep
                    graph.get_pruning_group(root.target.module, root.handler, going).prune()
        cuts = [
            (name, bool(outputs), [int(one) for one in which])
            for name, outputs, which in graph.pruning_history()
        ]
    if _shapes(model, example) != before:
        raise _unprunable("its outputs changed their shape")
    return cuts


def repeat(model: nn.Module, example: Tensor, cuts: Sequence[Cut]) -> None:
    """Remove in place what was removed from another model of the same spec.

    Raises:
        JobError: the model is another one.
    """
    with _graph(model, example) as graph:
        try:
            graph.load_pruning_history([list(one) for one in cuts])
        except (KeyError, IndexError, AttributeError) as error:
            raise _unprunable(f"it lacks what was pruned ({error})") from error


@contextmanager
def _graph(model: nn.Module, example: Tensor) -> Iterator[Any]:
    """The dependency graph, which is traced through gradients; what is frozen is frozen again afterwards."""
    training = model.training
    learning = {name: weight.requires_grad for name, weight in model.named_parameters()}
    model.eval().requires_grad_(True)
    try:
        with warnings.catch_warnings(), torch.enable_grad():
            warnings.simplefilter("ignore")  # remarks on parameters that belong to no layer
            graph = tp.DependencyGraph()
            yield graph.build_dependency(model, example_inputs=example, output_transform=_predicted)
    finally:
        for name, weight in model.named_parameters():
            weight.requires_grad_(learning.get(name, True))
            weight.grad = None
        model.train(training)


def _predicted(outputs: Any) -> Any:
    """The tensors that a model returns; a detector without masks has nothing in their place."""
    return [one for one in outputs if one is not None] if isinstance(outputs, tuple) else outputs


def _is_divided(layer: nn.Module) -> bool:
    """Whether a convolution is in groups of several channels, which must stay equally large."""
    return isinstance(layer, _CONVOLUTIONS) and 1 < layer.groups < layer.in_channels


@torch.no_grad()
def _scores(group: Any, settings: PruneSettings) -> Tensor | None:
    """A score for each channel of a group; None if the group has no filters."""
    found = []
    for index, (dep, which) in enumerate(group):
        if dep.pruning_fn not in _FILTERS:
            continue
        weight = dep.layer.weight
        filters = weight.transpose(0, 1) if getattr(dep.layer, "transposed", False) else weight
        norms = filters[which].flatten(1).norm(dim=1)
        scale = norms.max() if settings.normalizer == "max" else norms.norm()
        roots = group[index].root_idxs
        if None in roots or sorted(roots) != list(range(len(norms))):
            return None  # channels of this layer are not those of the group, one for one
        scores = torch.empty_like(norms)
        scores[torch.tensor(roots)] = norms / scale.clamp_min(1e-12)
        found.append(scores)
    return _EQUALISED[settings.equalization](torch.stack(found)) if found else None


_EQUALISED: dict[str, Callable[[Tensor], Tensor]] = {
    "union": lambda scores: scores.amax(0),
    "intersection": lambda scores: scores.amin(0),
    "arithmetic_mean": lambda scores: scores.mean(0),
    "geometric_mean": lambda scores: scores.clamp_min(1e-12).log().mean(0).exp(),
}


def _going(scores: Tensor, settings: PruneSettings) -> list[int]:
    """The channels that go: the lowest scores, as many as threshold, granularity and least number allow."""
    total, step = len(scores), settings.granularity
    wanted = max(int((scores >= settings.threshold).sum()), settings.least, 1)
    left = min(total, -(-wanted // step) * step)
    return sorted(scores.argsort()[: total - left].tolist())


def _shapes(model: nn.Module, example: Tensor) -> list[torch.Size]:
    with torch.no_grad():
        try:
            found = model(example)
        except RuntimeError as error:
            raise _unprunable(str(error).split("\n", maxsplit=1)[0]) from error
    return [one.shape for one in _tensors(found)]


def _tensors(found: Any) -> Iterator[Tensor]:
    match found:
        case Tensor():
            yield found
        case dict():
            yield from _tensors(list(found.values()))
        case list() | tuple():
            for one in found:
                yield from _tensors(one)


def _unprunable(reason: str) -> JobError:
    return JobError(
        Cause.BAD_SPEC,
        f"This model cannot be pruned like this: {reason}.",
        "Name the layers that must stay whole in prune.excluded_layers, or choose another backbone.",
    )
