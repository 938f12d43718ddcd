"""Pose classification: sequences of skeletons of one of two kinds, in a folder of its name."""

from tunesmith.data.layout import Layout, Need
from tunesmith.data.types import DatasetFormat, DatasetType, Intent

_FILES = ("train_data.npy", "train_label.pkl", "val_data.npy", "val_label.pkl")

LAYOUTS = (
    Layout(
        DatasetType.POSE_CLASSIFICATION,
        DatasetFormat.DEFAULT,
        (Intent.TRAINING,),
        needs=tuple(Need((f"nvidia/{name}", f"kinetics/{name}")) for name in _FILES),
        check="tunesmith.data.checks.pose_classification",
    ),
)
