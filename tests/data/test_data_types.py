import pytest

from tunesmith.data.types import DATASET_FORMATS, DATASET_TYPES, INTENTS, formats_of

PUBLISHED_TYPES = {
    "action_recognition", "bevfusion", "centerpose", "image_classification", "maxine_dataset", "ml_recog",
    "not_restricted", "object_detection", "ocdnet", "ocrnet", "optical_inspection", "pointpillars",
    "pose_classification", "re_identification", "segmentation", "stylegan_xl", "user_custom",
    "visual_changenet", "vlm",
}  # fmt: skip
PUBLISHED_FORMATS = {
    "classification_pyt", "classification_tf2", "coco", "coco_panoptic", "coco_raw", "custom", "default",
    "kitti", "lprnet", "maxine_gaze", "monai", "odvg", "raw", "ssl", "unet", "visual_changenet_classify",
    "visual_changenet_segment",
}  # fmt: skip


def test_the_values_are_those_of_the_published_api():
    assert set(DATASET_TYPES) == PUBLISHED_TYPES
    assert set(DATASET_FORMATS) == PUBLISHED_FORMATS
    assert INTENTS == ("training", "evaluation", "testing")


@pytest.mark.parametrize("dataset_type", sorted(PUBLISHED_TYPES))
def test_every_type_has_published_formats(dataset_type):
    assert formats_of(dataset_type)
    assert set(formats_of(dataset_type)) <= PUBLISHED_FORMATS


def test_an_unknown_type_has_no_format():
    assert formats_of("paintings") == ()
    assert formats_of("ocrnet") == ("default",)
