"""The types, formats and intents of datasets, as the API publishes them."""

from enum import StrEnum


class DatasetType(StrEnum):
    """What a dataset shows."""

    ACTION_RECOGNITION = "action_recognition"
    BEVFUSION = "bevfusion"
    CENTERPOSE = "centerpose"
    IMAGE_CLASSIFICATION = "image_classification"
    MAXINE_DATASET = "maxine_dataset"
    ML_RECOG = "ml_recog"
    NOT_RESTRICTED = "not_restricted"
    OBJECT_DETECTION = "object_detection"
    OCDNET = "ocdnet"
    OCRNET = "ocrnet"
    OPTICAL_INSPECTION = "optical_inspection"
    POINTPILLARS = "pointpillars"
    POSE_CLASSIFICATION = "pose_classification"
    RE_IDENTIFICATION = "re_identification"
    SEGMENTATION = "segmentation"
    STYLEGAN_XL = "stylegan_xl"
    USER_CUSTOM = "user_custom"
    VISUAL_CHANGENET = "visual_changenet"
    VLM = "vlm"


class DatasetFormat(StrEnum):
    """How a dataset is laid out."""

    CLASSIFICATION_PYT = "classification_pyt"
    CLASSIFICATION_TF2 = "classification_tf2"
    COCO = "coco"
    COCO_PANOPTIC = "coco_panoptic"
    COCO_RAW = "coco_raw"
    CUSTOM = "custom"
    DEFAULT = "default"
    KITTI = "kitti"
    LPRNET = "lprnet"
    MAXINE_GAZE = "maxine_gaze"
    MONAI = "monai"
    ODVG = "odvg"
    RAW = "raw"
    SSL = "ssl"
    UNET = "unet"
    VISUAL_CHANGENET_CLASSIFY = "visual_changenet_classify"
    VISUAL_CHANGENET_SEGMENT = "visual_changenet_segment"


class Intent(StrEnum):
    """What a dataset is used for."""

    TRAINING = "training"
    EVALUATION = "evaluation"
    TESTING = "testing"


DATASET_TYPES = tuple(DatasetType)
DATASET_FORMATS = tuple(DatasetFormat)
INTENTS = tuple(Intent)

_FORMATS: dict[str, tuple[str, ...]] = {
    "image_classification": ("default", "custom", "raw", "classification_pyt", "classification_tf2", "ssl"),
    "maxine_dataset": ("raw", "maxine_gaze"),
    "object_detection": ("kitti", "raw", "coco", "coco_raw", "odvg"),
    "segmentation": ("default", "unet", "coco", "raw", "odvg", "coco_panoptic", "monai"),
    "user_custom": ("monai",),
    "visual_changenet": ("visual_changenet_segment", "visual_changenet_classify"),
    "vlm": ("default", "raw"),
}


def formats_of(dataset_type: str) -> tuple[str, ...]:
    """The formats that the API knows for a type, available here or not; none for an unknown type."""
    if dataset_type not in DATASET_TYPES:
        return ()
    return _FORMATS.get(dataset_type, ("default",))
