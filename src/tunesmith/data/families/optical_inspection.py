"""Optical inspection: photographs of parts, each beside one of a part without a defect."""

from tunesmith.data.layout import ALL_INTENTS, Layout, Need
from tunesmith.data.types import DatasetFormat, DatasetType

LAYOUTS = (
    Layout(
        DatasetType.OPTICAL_INSPECTION,
        DatasetFormat.DEFAULT,
        ALL_INTENTS,
        needs=(Need(("images.tar.gz",)), Need(("dataset.csv",))),
        check="tunesmith.data.checks.inspection",
    ),
)
