"""efficientdet_tf2: EfficientDet (Tan et al. 2020, arXiv 1911.09070), with the older dialect of specs."""

from tunesmith.networks.base import Network
from tunesmith.networks.efficientdet_tf2.spec import EfficientDetSpec
from tunesmith.specs import Action

NETWORK = Network(
    arch="efficientdet_tf2",
    task="detection",
    spec=EfficientDetSpec,
    model="tunesmith.networks.efficientdet_tf2.model",
    dataset_type="object_detection",
    formats=("coco", "raw"),
    intents=("training", "evaluation", "testing"),
    actions=(
        Action.TRAIN,
        Action.EVALUATE,
        Action.PRUNE,
        Action.RETRAIN,
        Action.EXPORT,
        Action.GEN_TRT_ENGINE,
        Action.INFERENCE,
    ),
    metric="AP50",
)
