"""The names of networks in the API. Those that can be trained here are in `tunesmith.networks`."""

from typing import Annotated

from pydantic import StringConstraints, WithJsonSchema

NETWORK_ARCHS = (
    "action_recognition",
    "analytics",
    "annotations",
    "augmentation",
    "auto_label",
    "bevfusion",
    "centerpose",
    "classification_pyt",
    "classification_tf2",
    "deformable_detr",
    "dino",
    "efficientdet_tf2",
    "grounding_dino",
    "image",
    "mae",
    "mal",
    "mask2former",
    "mask_grounding_dino",
    "maxine_dataset",
    "maxine_eye_contact",
    "ml_recog",
    "monai_annotation",
    "monai_automl",
    "monai_automl_generated",
    "monai_classification",
    "monai_custom",
    "monai_detection",
    "monai_genai",
    "monai_maisi",
    "monai_segmentation",
    "monai_vista2d",
    "monai_vista3d",
    "nvdinov2",
    "ocdnet",
    "ocrnet",
    "optical_inspection",
    "pointpillars",
    "pose_classification",
    "re_identification",
    "rtdetr",
    "segformer",
    "stylegan_xl",
    "vila",
    "visual_changenet",
    "vlm",
)

NetworkArch = Annotated[
    str,
    StringConstraints(max_length=64),
    WithJsonSchema({"type": "string", "enum": list(NETWORK_ARCHS)}),
]
"""A network by name. Whether it exists is checked against the registry, which names those that do."""
