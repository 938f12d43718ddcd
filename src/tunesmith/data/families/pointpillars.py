"""PointPillars: sweeps of a lidar with labels, in an archive a split."""

from tunesmith.data.layout import Layout, Need
from tunesmith.data.types import DatasetFormat, DatasetType, Intent

LAYOUTS = (
    Layout(
        DatasetType.POINTPILLARS,
        DatasetFormat.DEFAULT,
        (Intent.TRAINING,),
        needs=(Need(("train.tar.gz",)), Need(("val.tar.gz",))),
        check="tunesmith.data.checks.pointpillars",
    ),
)
