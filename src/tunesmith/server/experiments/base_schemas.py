"""What is said of base experiments on the wire."""

from enum import StrEnum
from typing import Annotated, Any

from pydantic import Field, StringConstraints

from tunesmith.server.kit.wire import Link, Reply

Tiny = Annotated[str, StringConstraints(max_length=10)]


class BaseTask(StrEnum):
    """What a base experiment was trained to do."""

    UNKNOWN = "unknown"
    OBJECT_DETECTION = "object_detection"
    IMAGE_CLASSIFICATION = "image_classification"
    SEGMENTATION = "segmentation"
    RE_IDENTIFICATION = "re_identification"
    POSE_CLASSIFICATION = "pose_classification"
    ACTION_RECOGNITION = "action_recognition"
    OPTICAL_CHARACTER_RECOGNITION = "optical_character_recognition"
    VISUAL_CHANGENET_SEGMENTATION = "visual_changenet_segmentation"
    VISUAL_CHANGENET_CLASSIFICATION = "visual_changenet_classification"


class BaseDomain(StrEnum):
    """Whether it is of general use."""

    UNKNOWN = "unknown"
    GENERAL = "general"
    PURPOSE_BUILT = "purpose_built"


class BackboneType(StrEnum):
    """What its backbone is made of."""

    UNKNOWN = "unknown"
    CNN = "cnn"
    TRANSFORMER = "transformer"


class BackboneClass(StrEnum):
    """The family of its backbone."""

    UNKNOWN = "unknown"
    SWIN = "swin"
    FAN = "fan"
    VIT = "vit"
    GCVIT = "gcvit"
    FASTERVIT = "fastervit"
    EFFICIENTNET = "efficientnet"
    RESNET = "resnet"
    STGCN = "stgcn"
    CONVNEXT = "convnext"
    DENSENET = "densenet"


class BaseLicense(StrEnum):
    """The licences that the published API has a word for; `license_name` says which it is."""

    UNKNOWN = "unknown"
    NVAIE_EULA = "nvaie_eula"
    NVIDIA_MODEL_EULA = "nvidia_model_eula"
    CC_BY_NC_SA_4 = "cc_by_nc_sa_4"


class BaseExperimentMetadata(Reply):
    """What is known of a base experiment."""

    task: BaseTask | None
    domain: BaseDomain | None
    backbone_type: BackboneType | None
    backbone_class: BackboneClass | None
    num_parameters: Tiny | None
    accuracy: Tiny | None = Field(
        description="Published top-1 accuracy, of a detector average precision; null where it is not known."
    )
    license: BaseLicense | None
    license_name: str = Field(
        "", description="The licence as its publisher states it.", json_schema_extra={"x-tunesmith": True}
    )
    accuracy_source: str | None = Field(None, json_schema_extra={"x-tunesmith": True})
    input_size: list[int] = Field(
        [], description="Channels, height, width.", json_schema_extra={"x-tunesmith": True}
    )
    model_card_link: Link | None
    is_backbone: bool
    is_trainable: bool
    spec_file_present: bool
    specs: dict[str, Any] | None = Field(description="Values of the spec that suit it.")
