"""Object detection: images with boxes, in KITTI's, COCO's or ODVG's way, or without."""

from tunesmith.data.layout import ALL_INTENTS, Layout, Need
from tunesmith.data.types import DatasetFormat, DatasetType, Intent

_IMAGES = Need(("images.tar.gz",))

LAYOUTS = (
    Layout(
        DatasetType.OBJECT_DETECTION,
        DatasetFormat.KITTI,
        ALL_INTENTS,
        needs=(_IMAGES, Need(("labels.tar.gz",))),
        check="tunesmith.data.checks.kitti",
    ),
    Layout(
        DatasetType.OBJECT_DETECTION,
        DatasetFormat.RAW,
        (Intent.TESTING,),
        needs=(_IMAGES,),
        check="tunesmith.data.checks.unlabelled",
    ),
    Layout(
        DatasetType.OBJECT_DETECTION,
        DatasetFormat.COCO_RAW,
        (Intent.TESTING,),
        needs=(_IMAGES, Need(("label_map.txt",))),
        check="tunesmith.data.checks.unlabelled",
        classes="label_map.txt",
    ),
)
