"""What can be done with a dataset by itself: the actions of datasets' jobs, declared without torch."""

from dataclasses import dataclass

from tunesmith.networks.efficientdet_tf2.spec import EfficientDetSpec
from tunesmith.specs import Action, Block


@dataclass(frozen=True)
class DatasetAction:
    """An action that reads one dataset and leaves files in the workspace.

    Attributes:
        action: its name in the API.
        dataset_type: the type of the datasets that it reads.
        formats: their formats.
        spec: its spec model.
        section: the action whose section of the spec it reads.
    """

    action: Action
    dataset_type: str
    formats: tuple[str, ...]
    spec: type[Block]
    section: Action


_KNOWN = (
    DatasetAction(
        Action.CONVERT_EFFICIENTDET_TF2,
        "object_detection",
        ("coco",),
        EfficientDetSpec,
        Action.DATASET_CONVERT,
    ),
)


def dataset_actions(dataset_type: str, dataset_format: str) -> dict[str, DatasetAction]:
    """The actions on datasets of a type and format, by name."""
    return {
        one.action.value: one
        for one in _KNOWN
        if one.dataset_type == dataset_type and dataset_format in one.formats
    }
