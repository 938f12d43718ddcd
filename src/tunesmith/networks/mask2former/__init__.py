"""mask2former: Mask2Former, masks by queries for three kinds of segmentation (Cheng et al. 2022)."""

from tunesmith.networks.base import Network
from tunesmith.networks.mask2former.spec import Mask2FormerSpec
from tunesmith.specs import Action

NETWORK = Network(
    arch="mask2former",
    task="panoptic",
    spec=Mask2FormerSpec,
    model="tunesmith.networks.mask2former.model",
    dataset_type="segmentation",
    formats=("coco_panoptic", "coco"),
    intents=("training", "evaluation", "testing"),
    actions=(Action.TRAIN, Action.EVALUATE, Action.EXPORT, Action.GEN_TRT_ENGINE, Action.INFERENCE),
    metric="mIoU",
)
