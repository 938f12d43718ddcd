"""Segmentation: images with masks, as images, in COCO's or ODVG's way, or without; and medical volumes."""

from tunesmith.data.layout import ALL_INTENTS, Layout, Need
from tunesmith.data.types import DatasetFormat, DatasetType, Intent

_IMAGES = Need(("images.tar.gz",))
_UNET = ("images/train", "images/val", "images/test", "masks/train", "masks/val")

LAYOUTS = (
    Layout(
        DatasetType.SEGMENTATION,
        DatasetFormat.UNET,
        (Intent.TRAINING, Intent.EVALUATION),
        needs=tuple(Need((f"{stem}.tar.gz",)) for stem in _UNET),
        check="tunesmith.data.checks.unet",
    ),
    Layout(
        DatasetType.SEGMENTATION,
        DatasetFormat.RAW,
        (Intent.TESTING,),
        needs=(_IMAGES,),
        check="tunesmith.data.checks.unlabelled",
    ),
    Layout(
        DatasetType.SEGMENTATION,
        DatasetFormat.MONAI,
        ALL_INTENTS,
        needs=(Need(("dataset.json",)),),
        check="tunesmith.data.checks.user_custom",
        optional=("*",),
    ),
)
