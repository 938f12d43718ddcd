"""Losses of detectors that predict a set of boxes: candidates are matched with objects one to one (DETR)."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, cast

import torch
from torch import Tensor
from torchvision.ops import sigmoid_focal_loss
from transformers import RTDetrV2Config
from transformers.loss.loss_rt_detr import RTDetrLoss

from tunesmith.networks.layers.detector import Criterion, Predictions, Target
from tunesmith.specs import SpecError, SpecProblem

CLASS_LOSSES = ("vfl", "focal", "bce")

# transformers declares its configurations in a way that type checkers do not follow.
_configuration = cast("Callable[..., RTDetrV2Config]", RTDetrV2Config)


@dataclass(frozen=True)
class LossWeights:
    """Weights of losses and of what decides on matches.

    Attributes:
        kinds: some of CLASS_LOSSES, and boxes.
        classes: weight of the losses of classes.
        boxes: weight of the L1 loss.
        overlap: weight of the generalised IoU's loss.
        costs: of class, L1 and generalised IoU in matching.
        alpha: of the focal losses.
        gamma: of the focal losses.
    """

    kinds: tuple[str, ...]
    classes: float
    boxes: float
    overlap: float
    costs: tuple[float, float, float]
    alpha: float
    gamma: float = 2.0

    def keys(self) -> dict[str, float]:
        """Under the names of transformers' configurations."""
        return {
            "matcher_class_cost": self.costs[0],
            "matcher_bbox_cost": self.costs[1],
            "matcher_giou_cost": self.costs[2],
            "weight_loss_vfl": self.classes,
            "weight_loss_bbox": self.boxes,
            "weight_loss_giou": self.overlap,
            "focal_loss_alpha": self.alpha,
            "focal_loss_gamma": self.gamma,
        }


class SetLosses(RTDetrLoss):
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


def build_set_losses(weights: LossWeights, num_classes: int, cost_key: str) -> SetLosses:
    """The losses with these weights.

    Args:
        weights: of losses and costs.
        num_classes: the number of classes.
        cost_key: the spec key of the costs, for messages.

    Raises:
        SpecError: nothing decides on matches.
    """
    try:
        found = SetLosses(_configuration(num_labels=num_classes, **weights.keys()))  # type: ignore[no-untyped-call]
    except ValueError as error:
        raise SpecError([SpecProblem(cost_key, "and the other costs must not all be 0", 0)]) from error
    found.losses = list(weights.kinds)
    found.weight_dict |= {f"loss_{name}": weights.classes for name in CLASS_LOSSES}
    return found


def criterion_of(losses: SetLosses) -> Criterion:
    """The losses of one layer's predictions."""

    def of(found: Predictions, targets: Sequence[Target]) -> Mapping[str, Tensor]:
        return cast(
            "Mapping[str, Tensor]",
            losses({"logits": found.logits, "pred_boxes": found.boxes}, list(targets)),
        )

    return of


def layer_inputs(
    logits: Tensor,
    boxes: Tensor,
    noise: Mapping[str, Any] | None,
    *,
    auxiliary: bool,
    always_restored: bool = False,
    proposals: tuple[Tensor, Tensor] | None = None,
) -> dict[str, Any]:
    """What the losses take of all layers of a decoder.

    Args:
        logits: (batch, layers, candidates, classes); noisy candidates come first.
        boxes: (batch, layers, candidates, 4).
        noise: how many candidates are noisy, and which objects they are to restore; None if none is.
        auxiliary: whether layers before the last have losses too, and what is restored from noise.
        always_restored: whether the last layer restores from noise where no other layer has losses.
        proposals: logits and boxes of the encoder, with a loss as of a layer.
    """
    if noise:
        noisy_logits, logits = torch.split(logits, noise["dn_num_split"], dim=2)
        noisy_boxes, boxes = torch.split(boxes, noise["dn_num_split"], dim=2)
    whole: dict[str, Any] = {"logits": logits[:, -1], "pred_boxes": boxes[:, -1]}
    if auxiliary:
        whole["auxiliary_outputs"] = _pairs(logits[:, :-1], boxes[:, :-1])
        if proposals:
            whole["auxiliary_outputs"].append({"logits": proposals[0], "pred_boxes": proposals[1]})
    if noise and (auxiliary or always_restored):
        first = 0 if auxiliary else -1
        whole["dn_auxiliary_outputs"] = _pairs(noisy_logits[:, first:], noisy_boxes[:, first:])
        whole["denoising_meta_values"] = noise
    return whole


def _pairs(logits: Tensor, boxes: Tensor) -> list[dict[str, Tensor]]:
    layers = zip(logits.unbind(1), boxes.unbind(1), strict=True)
    return [{"logits": one, "pred_boxes": other} for one, other in layers]
