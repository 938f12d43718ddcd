"""RT-DETR's losses, which transformers computes: of classes weighed by IoU, of boxes, and of noisy boxes."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any, cast

import torch
from torch import Tensor
from torchvision.ops import sigmoid_focal_loss
from transformers import RTDetrV2Config
from transformers.loss.loss_rt_detr import RTDetrLoss

from tunesmith.networks.layers.detector import Criterion, Predictions, Target
from tunesmith.networks.rtdetr.spec import Model, RtdetrSpec
from tunesmith.specs import SpecError, SpecProblem

_CLASSES = {"vfl", "focal", "bce"}

# transformers declares its configurations in a way that type checkers do not follow.
_configuration = cast("Callable[..., RTDetrV2Config]", RTDetrV2Config)


class Losses(RTDetrLoss):
    """transformers' losses, with a focal loss that torch takes: its own has whole numbers for targets."""

    def loss_labels_focal(
        self,
        outputs: Any,
        targets: Any,
        indices: Any,
        num_boxes: Any,
        log: bool = True,  # noqa: ARG002
    ) -> dict[str, Tensor]:
        """The focal loss of the classes (Lin et al. 2017)."""
        logits = outputs["logits"]
        wanted = torch.zeros_like(logits)
        images, candidates = self._get_source_permutation_idx(indices)  # type: ignore[no-untyped-call]
        labels = [one["class_labels"][chosen] for one, (_, chosen) in zip(targets, indices, strict=True)]
        wanted[images, candidates, torch.cat(labels)] = 1.0
        return {"loss_focal": sigmoid_focal_loss(logits, wanted, self.alpha, self.gamma, "sum") / num_boxes}


def criterion(spec: RtdetrSpec, num_classes: int) -> Criterion:
    """The losses of one layer's predictions."""
    whole = build_losses(spec, num_classes)

    def of(found: Predictions, targets: Sequence[Target]) -> Mapping[str, Tensor]:
        losses: Mapping[str, Tensor] = whole(
            {"logits": found.logits, "pred_boxes": found.boxes}, list(targets)
        )
        return losses

    return of


def build_losses(spec: RtdetrSpec, num_classes: int) -> Losses:
    """The losses that the spec asks for, with its weights and costs.

    Raises:
        SpecError: they cannot be had.
    """
    model = spec.model
    wrong = [one for one in model.loss_types if one not in _CLASSES | {"boxes"}]
    if wrong or "boxes" not in model.loss_types or not _CLASSES.intersection(model.loss_types):
        rule = "must hold boxes and at least one of vfl, focal and bce"
        raise SpecError([SpecProblem("model.loss_types", rule, model.loss_types)])
    config = _configuration(num_labels=num_classes, **loss_keys(model))
    try:
        found = Losses(config)  # type: ignore[no-untyped-call]
    except ValueError as error:
        rule = "and the other costs must not all be 0"
        raise SpecError([SpecProblem("model.class_cost", rule, 0)]) from error
    found.losses = list(model.loss_types)
    found.weight_dict |= {f"loss_{name}": model.vfl_loss_coef for name in _CLASSES}
    return found


def loss_keys(model: Model) -> dict[str, Any]:
    """The weights of losses and costs under the names of transformers' configuration."""
    return {
        "matcher_class_cost": model.class_cost,
        "matcher_bbox_cost": model.bbox_cost,
        "matcher_giou_cost": model.giou_cost,
        "weight_loss_vfl": model.vfl_loss_coef,
        "weight_loss_bbox": model.bbox_loss_coef,
        "weight_loss_giou": model.giou_loss_coef,
        "focal_loss_alpha": model.alpha,
        "focal_loss_gamma": model.gamma,
    }


def loss_inputs(found: Any, *, auxiliary: bool) -> dict[str, Any]:
    """What transformers' loss takes, out of the outputs of its model: of all layers if `auxiliary`."""
    logits, boxes = found.intermediate_logits, found.intermediate_reference_points
    meta = found.denoising_meta_values
    if meta:
        noisy_logits, logits = logits.split(meta["dn_num_split"], dim=2)
        noisy_boxes, boxes = boxes.split(meta["dn_num_split"], dim=2)
    whole: dict[str, Any] = {"logits": logits[:, -1], "pred_boxes": boxes[:, -1]}
    if auxiliary:
        inner = _pairs(logits[:, :-1].unbind(1), boxes[:, :-1].unbind(1))
        whole["auxiliary_outputs"] = [*inner, *_pairs([found.enc_topk_logits], [found.enc_topk_bboxes])]
    if meta and auxiliary:
        whole["dn_auxiliary_outputs"] = _pairs(noisy_logits.unbind(1), noisy_boxes.unbind(1))
        whole["denoising_meta_values"] = meta
    return whole


def _pairs(logits: Sequence[Tensor], boxes: Sequence[Tensor]) -> list[dict[str, Tensor]]:
    return [{"logits": one, "pred_boxes": other} for one, other in zip(logits, boxes, strict=True)]
