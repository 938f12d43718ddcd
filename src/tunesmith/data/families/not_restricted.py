"""Images of any kind in any folders: what the validation of images looks at."""

from tunesmith.data.layout import ARCHIVE_SUFFIXES, Layout, Need
from tunesmith.data.suffixes import IMAGE_SUFFIXES, patterns
from tunesmith.data.types import DatasetFormat, DatasetType, Intent

_ANY = (*patterns(IMAGE_SUFFIXES), *(f"*{suffix}" for suffix in ARCHIVE_SUFFIXES))

LAYOUTS = (
    Layout(
        DatasetType.NOT_RESTRICTED,
        DatasetFormat.DEFAULT,
        (Intent.TESTING,),
        needs=(Need(_ANY, called="an image, or an archive of images"),),
        check="tunesmith.data.checks.media",
    ),
)
