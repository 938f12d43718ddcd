"""Re-identification: an archive of photographs to learn from, to search in, and to search for."""

from tunesmith.data.layout import Layout, Need
from tunesmith.data.types import DatasetFormat, DatasetType, Intent

LAYOUTS = (
    Layout(
        DatasetType.RE_IDENTIFICATION,
        DatasetFormat.DEFAULT,
        (Intent.TRAINING,),
        needs=tuple(Need((f"sample_{split}.tar.gz",)) for split in ("train", "test", "query")),
        check="tunesmith.data.checks.re_identification",
    ),
)
