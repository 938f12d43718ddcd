"""deformable_detr: Deformable DETR (Zhu et al. 2021, arXiv 2010.04159)."""

from tunesmith.networks.base import Network
from tunesmith.networks.deformable_detr.spec import DeformableDetrSpec
from tunesmith.specs import Action

NETWORK = Network(
    arch="deformable_detr",
    task="detection",
    spec=DeformableDetrSpec,
    model="tunesmith.networks.deformable_detr.model",
    dataset_type="object_detection",
    formats=("coco", "coco_raw"),
    intents=("training", "evaluation", "testing"),
    actions=(Action.TRAIN, Action.EVALUATE, Action.EXPORT, Action.GEN_TRT_ENGINE, Action.INFERENCE),
    metric="val_mAP50",
)
