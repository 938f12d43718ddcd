"""Text recognition: an archive of images of words, and the characters that they are made of."""

from tunesmith.data.layout import Layout, Need
from tunesmith.data.types import DatasetFormat, DatasetType, Intent

LAYOUTS = (
    Layout(
        DatasetType.OCRNET,
        DatasetFormat.DEFAULT,
        (Intent.TRAINING, Intent.EVALUATION),
        needs=(
            Need(("character_list",)),
            Need(("train.tar.gz",), Intent.TRAINING),
            Need(("test.tar.gz",), Intent.EVALUATION),
        ),
        check="tunesmith.data.checks.ocrnet",
        one_intent=True,
    ),
)
