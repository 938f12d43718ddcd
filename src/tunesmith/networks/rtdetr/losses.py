"""RT-DETR's losses: of classes weighed by IoU, of boxes, and of boxes restored from noise."""

from tunesmith.networks.layers.detector import Criterion
from tunesmith.networks.layers.set_losses import (
    CLASS_LOSSES,
    LossWeights,
    SetLosses,
    build_set_losses,
    criterion_of,
)
from tunesmith.networks.rtdetr.spec import Model, RtdetrSpec
from tunesmith.specs import SpecError, SpecProblem


def criterion(spec: RtdetrSpec, num_classes: int) -> Criterion:
    """The losses of one layer's predictions."""
    return criterion_of(build_losses(spec, num_classes))


def build_losses(spec: RtdetrSpec, num_classes: int) -> SetLosses:
    """The losses that the spec asks for, with its weights and costs.

    Raises:
        SpecError: they cannot be had.
    """
    return build_set_losses(loss_weights(spec.model), num_classes, "model.class_cost")


def loss_weights(model: Model) -> LossWeights:
    """The weights of losses and costs.

    Raises:
        SpecError: the losses are not those that there are.
    """
    kinds = model.loss_types
    if not ({"boxes"} < set(kinds) <= {"boxes", *CLASS_LOSSES}):
        rule = "must hold boxes and at least one of vfl, focal and bce"
        raise SpecError([SpecProblem("model.loss_types", rule, kinds)])
    return LossWeights(
        kinds=tuple(kinds),
        classes=model.vfl_loss_coef,
        boxes=model.bbox_loss_coef,
        overlap=model.giou_loss_coef,
        costs=(model.class_cost, model.bbox_cost, model.giou_cost),
        alpha=model.alpha,
        gamma=model.gamma,
    )
