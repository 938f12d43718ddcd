"""What a dataset may be: its layout, its use, its place."""

from collections.abc import Iterable

from tunesmith.data.errors import DatasetError
from tunesmith.data.layout import Layout
from tunesmith.data.layouts import layout_for, layouts
from tunesmith.data.types import INTENTS, DatasetFormat, DatasetType, Intent
from tunesmith.networks import networks
from tunesmith.networks.dataset_actions import DatasetAction, dataset_actions
from tunesmith.server.datasets.schemas import DatasetFormats, DatasetReq
from tunesmith.server.datasets.tables import Dataset
from tunesmith.server.kit.errors import BadRequestError, NotFoundError


def required_layout(request: DatasetReq) -> Layout:
    """The layout that a new dataset asks for.

    Raises:
        BadRequestError: type or format is missing, or that pair is not available here.
    """
    for name in ("type", "format"):
        if getattr(request, name) is None:
            raise BadRequestError(f"{name}: is missing; {_pairs()}")
    return _layout(str(request.type), str(request.format))


def check_use(dataset_type: str, dataset_format: str, use_for: Iterable[Intent]) -> list[str]:
    """What the dataset is to be used for, each once.

    Raises:
        BadRequestError: its format cannot be used for that, or for a single use alone.
    """
    layout = _layout(dataset_type, dataset_format)
    chosen = list(dict.fromkeys(use_for))
    for intent in chosen:
        if intent not in layout.intents:
            raise BadRequestError(
                f"use_for: a dataset of type {dataset_type} and format {dataset_format} cannot be used for "
                f"{intent}; it can be used for: {', '.join(layout.intents)}"
            )
    if layout.one_intent and len(chosen) != 1:
        raise BadRequestError(
            f"use_for: a dataset of type {dataset_type} must be used for exactly one of: "
            f"{', '.join(layout.intents)}; {len(chosen)} were given"
        )
    return [str(intent) for intent in chosen]


def check_unchanged(dataset: Dataset, request: DatasetReq) -> None:
    """Refuse a change of what is fixed at creation.

    Raises:
        BadRequestError: another type or format.
    """
    for name in ("type", "format"):
        wanted = getattr(request, name)
        if wanted is not None and wanted != getattr(dataset, name):
            raise BadRequestError(
                f"{name}: cannot be changed from {getattr(dataset, name)} to {wanted}; create a new dataset"
            )


def formats_for(name: str | None) -> DatasetFormats:
    """The formats and uses of a dataset type, or of a network's datasets; none for an unknown name."""
    if network := networks().get(name or ""):
        formats, intents = list(network.formats), set(network.intents)
    else:
        found = [layout for (kind, _), layout in layouts().items() if kind == name]
        formats = [str(layout.format) for layout in found]
        intents = {str(intent) for layout in found for intent in layout.intents}
    return DatasetFormats(
        dataset_formats=[DatasetFormat(one) for one in formats],
        accepted_dataset_intents=[one for one in INTENTS if one in intents],
    )


def action_on(dataset: Dataset, name: str) -> DatasetAction:
    """An action on a dataset.

    Raises:
        NotFoundError: there is none of that name; the message lists those there are.
    """
    known = dataset_actions(dataset.type, dataset.format)
    if name not in known:
        there = f"are {', '.join(known)}" if known else "is none"
        raise NotFoundError(
            f"Action {name} requested not in the actions of datasets of type {dataset.type} and format "
            f"{dataset.format}: there {there} on this server"
        )
    return known[name]


def _layout(dataset_type: str, dataset_format: str) -> Layout:
    try:
        return layout_for(dataset_type, dataset_format)
    except DatasetError as error:
        raise BadRequestError(str(error)) from None


def _pairs() -> str:
    by_type: dict[DatasetType, list[str]] = {}
    for layout in layouts().values():
        by_type.setdefault(layout.type, []).append(layout.format)
    return "available: " + "; ".join(f"{kind} as {', '.join(formats)}" for kind, formats in by_type.items())
