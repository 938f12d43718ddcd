"""CenterPose: frames of videos with Objectron's annotations, in an archive a split."""

from tunesmith.data.layout import Layout, Need
from tunesmith.data.types import DatasetFormat, DatasetType, Intent

LAYOUTS = (
    Layout(
        DatasetType.CENTERPOSE,
        DatasetFormat.DEFAULT,
        (Intent.TRAINING,),
        needs=(Need(("train.tar.gz", "val.tar.gz")), Need(("test.tar.gz",))),
        check="tunesmith.data.checks.centerpose",
    ),
)
