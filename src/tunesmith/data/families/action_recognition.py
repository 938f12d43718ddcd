"""Action recognition: an archive a split, of frames of videos."""

from tunesmith.data.layout import Layout, Need
from tunesmith.data.types import DatasetFormat, DatasetType, Intent

LAYOUTS = (
    Layout(
        DatasetType.ACTION_RECOGNITION,
        DatasetFormat.DEFAULT,
        (Intent.TRAINING,),
        needs=(Need(("train.tar.gz",)), Need(("test.tar.gz",))),
        check="tunesmith.data.checks.action_recognition",
    ),
)
