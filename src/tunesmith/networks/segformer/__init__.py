"""segformer: semantic segmentation with SegFormer's decoder (Xie et al. 2021) on many backbones."""

from tunesmith.networks.base import Network
from tunesmith.networks.segformer.spec import SegformerSpec
from tunesmith.specs import Action

NETWORK = Network(
    arch="segformer",
    task="segmentation",
    spec=SegformerSpec,
    model="tunesmith.networks.segformer.model",
    dataset_type="segmentation",
    formats=("unet",),
    intents=("training", "evaluation"),
    actions=(Action.TRAIN, Action.EVALUATE, Action.EXPORT, Action.GEN_TRT_ENGINE, Action.INFERENCE),
    metric="val_miou",
)
