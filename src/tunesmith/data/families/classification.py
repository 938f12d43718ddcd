"""Image classification: archives of class folders."""

from tunesmith.data.layout import ALL_INTENTS, Layout, Need
from tunesmith.data.types import DatasetFormat, DatasetType, Intent

_SPLITS = Need(("images_train.tar.gz", "images_val.tar.gz", "images_test.tar.gz"))


def _layout(
    dataset_format: DatasetFormat, intents: tuple[Intent, ...] = ALL_INTENTS, classes: str | None = None
) -> Layout:
    return Layout(
        DatasetType.IMAGE_CLASSIFICATION,
        dataset_format,
        intents,
        needs=(_SPLITS, Need((classes,))) if classes else (_SPLITS,),
        check="tunesmith.data.checks.classification",
        classes=classes,
    )


LAYOUTS = (
    _layout(DatasetFormat.CLASSIFICATION_PYT, classes="classes.txt"),
    _layout(DatasetFormat.DEFAULT),
    _layout(DatasetFormat.RAW, (Intent.TESTING,)),
)
