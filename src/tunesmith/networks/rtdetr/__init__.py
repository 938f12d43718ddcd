"""rtdetr: RT-DETR, a detector without non-maximum suppression (Zhao et al. 2023, arXiv 2304.08069)."""

from tunesmith.networks.base import Network
from tunesmith.networks.rtdetr.spec import RtdetrSpec
from tunesmith.specs import Action

NETWORK = Network(
    arch="rtdetr",
    task="detection",
    spec=RtdetrSpec,
    model="tunesmith.networks.rtdetr.model",
    dataset_type="object_detection",
    formats=("coco", "coco_raw"),
    intents=("training", "evaluation", "testing"),
    actions=(
        Action.TRAIN,
        Action.DISTILL,
        Action.EVALUATE,
        Action.EXPORT,
        Action.GEN_TRT_ENGINE,
        Action.INFERENCE,
    ),
    metric="val_mAP50",
)
