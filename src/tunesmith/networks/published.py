"""Published weights of transformers' models, which its releases name in different ways."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any, cast

import torch
from torch import Tensor
from transformers import PreTrainedModel
from transformers.utils import logging


def renamed(model: PreTrainedModel, weights: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """The weights under the names that the model has for them, as the library itself converts them.

    Weights that the model does not have are left out; those of another shape keep it.
    """
    with _quiet():
        loaded, facts = cast(
            "tuple[PreTrainedModel, dict[str, Any]]",
            type(model).from_pretrained(
                None,
                config=model.config,
                state_dict=dict(weights),
                output_loading_info=True,
                ignore_mismatched_sizes=True,
            ),
        )
    shapes = {name: tuple(found) for name, found, _ in facts["mismatched_keys"]}
    absent = set(facts["missing_keys"])
    found = {name: value for name, value in loaded.state_dict().items() if name not in absent}
    return found | {name: torch.empty(shape, device="meta") for name, shape in shapes.items()}


@contextmanager
def _quiet() -> Iterator[None]:
    """Without the library's own table of what fitted: the job's notes say it."""
    verbosity, bars = logging.get_verbosity(), logging.is_progress_bar_enabled()
    logging.set_verbosity_error()  # type: ignore[no-untyped-call]
    logging.disable_progress_bar()  # type: ignore[no-untyped-call]
    try:
        yield
    finally:
        logging.set_verbosity(verbosity)
        if bars:
            logging.enable_progress_bar()  # type: ignore[no-untyped-call]
