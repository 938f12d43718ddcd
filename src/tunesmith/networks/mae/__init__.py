"""mae: masked autoencoders, pretraining without labels and fine-tuning (He et al. 2022, arXiv 2111.06377)."""

from tunesmith.networks.base import Network
from tunesmith.networks.mae.spec import MaeSpec
from tunesmith.specs import Action

NETWORK = Network(
    arch="mae",
    task="pretraining",
    spec=MaeSpec,
    model="tunesmith.networks.mae.model",
    dataset_type="image_classification",
    formats=("ssl",),
    intents=("training", "evaluation", "testing"),
    actions=(Action.TRAIN, Action.EVALUATE, Action.EXPORT, Action.INFERENCE, Action.GEN_TRT_ENGINE),
    metric="train_loss",
    minimize=True,
)
