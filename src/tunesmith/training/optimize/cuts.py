"""What pruning removed of a model, kept as plain data so that it can be removed again from another model."""

from collections.abc import Sequence

from torch import Tensor, nn

Cut = tuple[str, bool, list[int]]
"""A layer's name, whether its outputs or its inputs are cut, and which of them."""


def cut(model: nn.Module, example: Tensor, cuts: Sequence[Cut]) -> None:
    """Remove in place what was removed from another model of the same spec.

    Raises:
        JobError: the model is another one.
    """
    # The library takes a while to import, and few models are pruned.
    from tunesmith.training.optimize.pruning import repeat

    repeat(model, example, cuts)
