"""dino: DINO, a DETR with denoising anchor boxes (Zhang et al. 2022, arXiv 2203.03605)."""

from tunesmith.networks.base import Network
from tunesmith.networks.dino.spec import DinoSpec
from tunesmith.specs import Action

NETWORK = Network(
    arch="dino",
    task="detection",
    spec=DinoSpec,
    model="tunesmith.networks.dino.model",
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
