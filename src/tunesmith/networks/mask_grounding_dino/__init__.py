"""mask_grounding_dino: Grounding DINO with a head of masks, of our own: it also outlines what words name."""

from tunesmith.networks.base import Network
from tunesmith.networks.mask_grounding_dino.spec import MaskGroundingDinoSpec
from tunesmith.specs import Action

NETWORK = Network(
    arch="mask_grounding_dino",
    task="mask_grounding",
    spec=MaskGroundingDinoSpec,
    model="tunesmith.networks.mask_grounding_dino.model",
    dataset_type="segmentation",
    formats=("odvg", "coco", "coco_raw"),
    intents=("training", "evaluation", "testing"),
    actions=(Action.TRAIN, Action.EVALUATE, Action.EXPORT, Action.INFERENCE, Action.GEN_TRT_ENGINE),
    metric="bbox_val_mAP50",
)
