"""Change detection: masks of what changed, or pairs of photographs that show the same or not."""

from tunesmith.data.layout import ALL_INTENTS, Layout, Need
from tunesmith.data.types import DatasetFormat, DatasetType

LAYOUTS = (
    Layout(
        DatasetType.VISUAL_CHANGENET,
        DatasetFormat.VISUAL_CHANGENET_SEGMENT,
        ALL_INTENTS,
        needs=tuple(Need((f"{part}.tar.gz",)) for part in ("A", "B", "list", "label")),
        check="tunesmith.data.checks.change_segmentation",
    ),
    Layout(
        DatasetType.VISUAL_CHANGENET,
        DatasetFormat.VISUAL_CHANGENET_CLASSIFY,
        ALL_INTENTS,
        needs=(Need(("images.tar.gz",)), Need(("dataset.csv",))),
        check="tunesmith.data.checks.inspection",
    ),
)
