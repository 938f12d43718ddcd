"""Image generation: an archive of images, with dataset.json in it if they have classes."""

from tunesmith.data.layout import ALL_INTENTS, Layout, Need
from tunesmith.data.types import DatasetFormat, DatasetType

LAYOUTS = (
    Layout(
        DatasetType.STYLEGAN_XL,
        DatasetFormat.DEFAULT,
        ALL_INTENTS,
        needs=(Need(("images.tar.gz",)),),
        check="tunesmith.data.checks.stylegan_xl",
        optional=("dataset.json",),
    ),
)
