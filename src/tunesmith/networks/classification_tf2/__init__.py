"""classification_tf2: image classification on EfficientNets, with the older dialect of specs."""

from tunesmith.networks.base import Network
from tunesmith.networks.classification_tf2.spec import ClassificationTf2Spec
from tunesmith.specs import Action

NETWORK = Network(
    arch="classification_tf2",
    task="classification",
    spec=ClassificationTf2Spec,
    model="tunesmith.networks.classification_tf2.model",
    dataset_type="image_classification",
    formats=("classification_tf2",),
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
    metric="val_accuracy",
)
