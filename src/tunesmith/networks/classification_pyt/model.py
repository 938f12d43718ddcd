"""Builds the model of classification_pyt: a timm backbone with a linear classifier."""

from tunesmith.networks.backbones import backbone_of
from tunesmith.networks.classification_pyt.spec import ClassificationSpec
from tunesmith.networks.classifier import Classifier, Keys, timm_model
from tunesmith.specs import SpecError, SpecProblem

_KEYS = Keys("model.backbone.type", "model.head.custom_args", "dataset.img_size")


def build(spec: ClassificationSpec, num_classes: int, *, size: tuple[int, int] | None = None) -> Classifier:
    """The model with random weights.

    Args:
        spec: of the network.
        num_classes: the number of classes.
        size: height and width of the images in pixels; the spec's square by default.

    Raises:
        SpecError: timm cannot build it; the message names the key and timm's reason.
    """
    head = spec.model.head
    if head.binary and num_classes != 2:
        raise SpecError([SpecProblem("model.head.binary", f"needs two classes, not {num_classes}", True)])
    backbone = spec.model.backbone
    net = timm_model(
        backbone_of(backbone.type).timm_name,
        1 if head.binary else num_classes,
        size or (spec.dataset.img_size, spec.dataset.img_size),
        dict(head.custom_args or {}),
        _KEYS,
    )
    frozen = backbone.freeze_backbone or head.type == "LogisticRegressionHead"
    return Classifier(net, binary=head.binary, frozen=frozen)
