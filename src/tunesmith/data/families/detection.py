"""Object detection: images with boxes, in one of three formats, or images alone."""

from tunesmith.data.layout import ALL_INTENTS, Layout, Need
from tunesmith.data.types import DatasetFormat, DatasetType, Intent

_CHECKS = "tunesmith.data.checks"
_IMAGES = "images.tar.gz"


def _layout(
    dataset_format: DatasetFormat,
    check: str,
    *files: str,
    intents: tuple[Intent, ...] = ALL_INTENTS,
    classes: str | None = None,
) -> Layout:
    needs = tuple(Need((name,)) for name in (_IMAGES, *files))
    kind = DatasetType.OBJECT_DETECTION
    return Layout(kind, dataset_format, intents, needs, f"{_CHECKS}.{check}", classes)


LAYOUTS = (
    _layout(DatasetFormat.KITTI, "kitti", "labels.tar.gz"),
    _layout(DatasetFormat.RAW, "raw_images", intents=(Intent.TESTING,)),
    _layout(DatasetFormat.COCO, "coco", "annotations.json"),
    _layout(
        DatasetFormat.COCO_RAW,
        "raw_images",
        "label_map.txt",
        intents=(Intent.TESTING,),
        classes="label_map.txt",
    ),
    _layout(DatasetFormat.ODVG, "odvg", "annotations_odvg.jsonl", "annotations_odvg_labelmap.json"),
)
