"""Segmentation: images with masks, as images or in annotations; images alone; and medical volumes."""

from tunesmith.data.layout import ALL_INTENTS, Layout, Need
from tunesmith.data.types import DatasetFormat, DatasetType, Intent

_LEARNT = (Intent.TRAINING, Intent.EVALUATION)
_IMAGES, _INSTANCES = "images.tar.gz", "annotations.json"


def _layout(
    dataset_format: DatasetFormat,
    check: str,
    *files: str,
    intents: tuple[Intent, ...] = _LEARNT,
    optional: tuple[str, ...] = (),
) -> Layout:
    return Layout(
        DatasetType.SEGMENTATION,
        dataset_format,
        intents,
        needs=tuple(Need((name,)) for name in files),
        check=f"tunesmith.data.checks.{check}",
        optional=optional,
    )


LAYOUTS = (
    _layout(DatasetFormat.DEFAULT, "coco", _IMAGES, _INSTANCES),
    _layout(
        DatasetFormat.UNET,
        "unet",
        *(f"images/{split}.tar.gz" for split in ("train", "val", "test")),
        *(f"masks/{split}.tar.gz" for split in ("train", "val")),
        optional=("masks/test.tar.gz",),
    ),
    _layout(DatasetFormat.COCO, "coco", _IMAGES, _INSTANCES, "label_map.json"),
    _layout(DatasetFormat.RAW, "raw_images", _IMAGES, intents=(Intent.TESTING,)),
    # The published list of files leaves the images out; a dataset without them is told so when it is pulled.
    _layout(
        DatasetFormat.ODVG,
        "odvg",
        "annotations_odvg.jsonl",
        "annotations_odvg_labelmap.json",
        optional=(_IMAGES,),
    ),
    _layout(
        DatasetFormat.COCO_PANOPTIC,
        "panoptic",
        _IMAGES,
        _INSTANCES,
        "images_panoptic.tar.gz",
        "annotations_panoptic.json",
        "label_map_panoptic.json",
    ),
    _layout(DatasetFormat.MONAI, "user_custom", "dataset.json", intents=ALL_INTENTS, optional=("*",)),
)
