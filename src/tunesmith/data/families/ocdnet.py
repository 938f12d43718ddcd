"""Text detection: an archive a split, of images and of the regions of their texts."""

from tunesmith.data.layout import Layout, Need
from tunesmith.data.types import DatasetFormat, DatasetType, Intent

LAYOUTS = (
    Layout(
        DatasetType.OCDNET,
        DatasetFormat.DEFAULT,
        (Intent.TRAINING, Intent.EVALUATION),
        # Either train.tar.gz, or both files of the test split.
        needs=(
            Need(("train.tar.gz", "test.tar.gz")),
            Need(("train.tar.gz", "test/img.tar.gz")),
        ),
        check="tunesmith.data.checks.ocdnet",
    ),
)
