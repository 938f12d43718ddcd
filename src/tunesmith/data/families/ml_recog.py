"""Metric learning: six archives of class folders."""

from tunesmith.data.layout import Layout, Need
from tunesmith.data.metric_learning import BASE, PARTS
from tunesmith.data.types import DatasetFormat, DatasetType, Intent

LAYOUTS = (
    Layout(
        DatasetType.ML_RECOG,
        DatasetFormat.DEFAULT,
        (Intent.TRAINING,),
        needs=tuple(Need((f"{BASE}/{part}.tar.gz",)) for part in PARTS),
        check="tunesmith.data.checks.ml_recog",
    ),
)
