"""Image classification: archives of class folders, or of images alone."""

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


_CUSTOM = Layout(
    DatasetType.IMAGE_CLASSIFICATION,
    DatasetFormat.CUSTOM,
    ALL_INTENTS,
    needs=(_SPLITS, Need(("val.csv",))),
    check="tunesmith.data.checks.custom",
)


LAYOUTS = (
    _layout(DatasetFormat.CLASSIFICATION_PYT, classes="classes.txt"),
    _layout(DatasetFormat.CLASSIFICATION_TF2, classes="classmap.json"),
    _layout(DatasetFormat.DEFAULT),
    _layout(DatasetFormat.SSL),
    _CUSTOM,
    _layout(DatasetFormat.RAW, (Intent.TESTING,)),
)
