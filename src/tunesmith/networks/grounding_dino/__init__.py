"""grounding_dino: Grounding DINO, a detector of what words name (Liu et al. 2023, arXiv 2303.05499)."""

from tunesmith.networks.base import Network
from tunesmith.networks.grounding_dino.spec import GroundingDinoSpec
from tunesmith.specs import Action

NETWORK = Network(
    arch="grounding_dino",
    task="grounding",
    spec=GroundingDinoSpec,
    model="tunesmith.networks.grounding_dino.model",
    dataset_type="object_detection",
    formats=("odvg", "coco", "raw"),
    intents=("training", "evaluation", "testing"),
    actions=(Action.TRAIN, Action.EVALUATE, Action.EXPORT, Action.INFERENCE, Action.GEN_TRT_ENGINE),
    metric="val_mAP50",
)
