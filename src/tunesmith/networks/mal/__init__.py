"""mal: masks of objects from their boxes, by MAL (Lan et al. 2023, arXiv 2301.03992)."""

from tunesmith.networks.base import Network
from tunesmith.networks.mal.spec import MalSpec
from tunesmith.specs import Action

NETWORK = Network(
    arch="mal",
    task="auto_labelling",
    spec=MalSpec,
    model="tunesmith.networks.mal.model",
    dataset_type="segmentation",
    formats=("default",),
    intents=("training", "evaluation"),
    actions=(Action.TRAIN, Action.EVALUATE, Action.INFERENCE),
    metric="mIoU",
)
