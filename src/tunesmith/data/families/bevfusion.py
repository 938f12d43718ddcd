"""BEVFusion: frames of a camera and a lidar in KITTI's layout."""

from tunesmith.data.layout import ALL_INTENTS, Layout, Need
from tunesmith.data.types import DatasetFormat, DatasetType

LAYOUTS = (
    Layout(
        DatasetType.BEVFUSION,
        DatasetFormat.DEFAULT,
        ALL_INTENTS,
        needs=tuple(Need((f"{name}.tar.gz",)) for name in ("ImageSets", "training", "testing")),
        check="tunesmith.data.checks.bevfusion",
    ),
)
