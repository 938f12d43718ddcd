"""The catalogue of layouts: which files a dataset of each type and format consists of."""

from functools import cache

from tunesmith.data.errors import DatasetError
from tunesmith.data.families import (
    action_recognition,
    bevfusion,
    centerpose,
    classification,
    detection,
    maxine,
    ml_recog,
    not_restricted,
    ocdnet,
    ocrnet,
    optical_inspection,
    pointpillars,
    pose_classification,
    re_identification,
    segmentation,
    stylegan_xl,
    user_custom,
    visual_changenet,
    vlm,
)
from tunesmith.data.layout import Layout
from tunesmith.data.types import DATASET_TYPES, formats_of

_FAMILIES = (
    classification,
    action_recognition,
    bevfusion,
    centerpose,
    detection,
    maxine,
    ml_recog,
    not_restricted,
    ocdnet,
    ocrnet,
    optical_inspection,
    pointpillars,
    pose_classification,
    re_identification,
    segmentation,
    stylegan_xl,
    user_custom,
    visual_changenet,
    vlm,
)


def layout_for(dataset_type: str, dataset_format: str) -> Layout:
    """The layout of a format.

    Raises:
        DatasetError: there is no such type, or it has no such format; the message names those that there are.
    """
    found = layouts().get((dataset_type, dataset_format))
    if found:
        return found
    available = ", ".join(f"{kind} {form}" for kind, form in layouts())
    if dataset_type not in DATASET_TYPES:
        raise DatasetError(f"The dataset type {dataset_type!r} is unknown; available here: {available}.")
    known = ", ".join(formats_of(dataset_type))
    raise DatasetError(
        f"The type {dataset_type} has no format {dataset_format!r}; it has: {known}. "
        f"Available here: {available}."
    )


@cache
def layouts() -> dict[tuple[str, str], Layout]:
    """All layouts whose inside can be validated and read, by type and format."""
    return {(layout.type, layout.format): layout for family in _FAMILIES for layout in family.LAYOUTS}
