"""classification_pyt: image classification on any timm backbone."""

from tunesmith.networks.base import Network
from tunesmith.networks.classification_pyt.spec import ClassificationSpec
from tunesmith.specs import Action

NETWORK = Network(
    arch="classification_pyt",
    task="classification",
    spec=ClassificationSpec,
    model="tunesmith.networks.classification_pyt.model",
    dataset_type="image_classification",
    formats=("classification_pyt",),
    intents=("training", "evaluation", "testing"),
    actions=(
        Action.TRAIN,
        Action.DISTILL,
        Action.EVALUATE,
        Action.EXPORT,
        Action.GEN_TRT_ENGINE,
        Action.INFERENCE,
    ),
    metric="val_acc_1",
)
