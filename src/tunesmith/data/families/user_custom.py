"""What users train networks of their own on: medical volumes in a list."""

from tunesmith.data.layout import ALL_INTENTS, Layout, Need
from tunesmith.data.types import DatasetFormat, DatasetType

LAYOUTS = (
    Layout(
        DatasetType.USER_CUSTOM,
        DatasetFormat.MONAI,
        ALL_INTENTS,
        needs=(Need(("manifest.json", "dataset.json")),),
        check="tunesmith.data.checks.user_custom",
        optional=("*",),
    ),
)
