"""Eye contact: videos of faces, or what was made of them for training."""

from tunesmith.data.layout import ALL_INTENTS, Layout, Need
from tunesmith.data.types import DatasetFormat, DatasetType, Intent

LAYOUTS = (
    Layout(
        DatasetType.MAXINE_DATASET,
        DatasetFormat.RAW,
        ALL_INTENTS,
        needs=(Need(("*.mp4",), called="an .mp4 video"),),
        check="tunesmith.data.checks.media",
    ),
    Layout(
        DatasetType.MAXINE_DATASET,
        DatasetFormat.MAXINE_GAZE,
        (Intent.TRAINING, Intent.EVALUATION),
        needs=(Need(("data.h5",)),),
        check="tunesmith.data.checks.maxine_gaze",
    ),
)
