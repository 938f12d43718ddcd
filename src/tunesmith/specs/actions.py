"""The actions that the API knows."""

from enum import StrEnum


class Action(StrEnum):
    """What a job does."""

    ANALYZE = "analyze"
    ANNOTATION = "annotation"
    ANNOTATION_FORMAT_CONVERT = "annotation_format_convert"
    AUGMENT = "augment"
    AUTO3DSEG = "auto3dseg"
    AUTO_LABEL = "auto_label"
    BATCHINFER = "batchinfer"
    CONVERT = "convert"
    CONVERT_EFFICIENTDET_TF2 = "convert_efficientdet_tf2"
    DATASET_CONVERT = "dataset_convert"
    DATASET_CONVERT_GAZE = "dataset_convert_gaze"
    DISTILL = "distill"
    EVALUATE = "evaluate"
    EXPORT = "export"
    GENERATE = "generate"
    GEN_TRT_ENGINE = "gen_trt_engine"
    INFERENCE = "inference"
    PRUNE = "prune"
    RETRAIN = "retrain"
    TRAIN = "train"
    VALIDATE_ANNOTATIONS = "validate_annotations"
    VALIDATE_IMAGES = "validate_images"
