"""Grounding DINO with a head of masks."""

from collections.abc import Mapping, Sequence
from typing import Any

from torch import Tensor

from tunesmith.networks.detection import DetectorSettings
from tunesmith.networks.grounding_dino import adapter
from tunesmith.networks.grounding_dino import model as grounding_dino
from tunesmith.networks.grounding_dino.losses import Match, TokenTarget
from tunesmith.networks.grounding_dino.model import Found, GroundingDino, criterion
from tunesmith.networks.grounding_dino.text import TextFiles, TextInputs
from tunesmith.networks.layers.detector import Predictions
from tunesmith.networks.mask_grounding_dino.masks import MaskHead, mask_losses
from tunesmith.networks.mask_grounding_dino.spec import MaskGroundingDinoSpec, Model
from tunesmith.specs import SpecError, SpecProblem

__all__ = ["build", "checkpoint_filter_fn", "criterion", "settings"]


class MaskGroundingDino(GroundingDino):
    """Grounding DINO that also outlines what it finds."""

    def __init__(self, spec: Model, *others: Any) -> None:
        super().__init__(spec, *others)
        self.mask_head = MaskHead(spec.hidden_dim, spec.num_feature_levels)
        self._weights, self._most = (spec.mask_loss_coef, spec.dice_loss_coef), spec.num_select

    def tokens(self, images: Tensor, text: TextInputs) -> Predictions:
        """Predictions of the best candidates, with masks, and a logit for each token of a text."""
        found = self.run(images, text)
        logits, boxes = found.layers[-1]
        count = min(self._most, logits.shape[1])
        best = logits.amax(-1).topk(count, dim=1).indices[..., None]
        queries = found.queries[-1]
        queries = queries.gather(1, best.expand(-1, -1, queries.shape[-1]))
        masks = self.mask_head(queries, self.pixels(images, found))
        logits = logits.gather(1, best.expand(-1, -1, logits.shape[-1]))
        return Predictions(
            logits.clamp_min(grounding_dino.LOW), boxes.gather(1, best.expand(-1, -1, 4)), masks
        )

    def pixels(self, images: Tensor, found: Found) -> Tensor:
        """Features of the pixels that masks are made of."""
        return self.mask_head.pixels(found.places.maps(found.memory), images)

    def further_losses(
        self,
        queries: Tensor,
        pixels: Tensor | None,
        wanted: Sequence[TokenTarget],
        matches: Sequence[Match],
    ) -> dict[str, Tensor]:
        """The losses of masks."""
        assert pixels is not None  # noqa: S101 - this network makes them
        return mask_losses(self.mask_head, queries, pixels, wanted, matches, self._weights)


def settings(spec: MaskGroundingDinoSpec) -> DetectorSettings:
    """What the detection task asks of the spec.

    Raises:
        SpecError: with all that cannot be used.
    """
    learnt = "masks" in spec.model.loss_types and spec.dataset.has_mask
    if spec.model.has_mask and not learnt:
        rule = "must be false where model.loss_types lacks masks, or dataset.has_mask is false"
        raise SpecError([SpecProblem("model.has_mask", rule, spec.model.has_mask)])
    return adapter.settings(spec)


def build(
    spec: MaskGroundingDinoSpec,
    classes: Sequence[str],
    files: TextFiles,
    *,
    pretrained: bool = False,
    size: tuple[int, int] | None = None,
) -> GroundingDino:
    """The model with random weights; without a head of masks where the spec wants none.

    Raises:
        SpecError: it cannot be built; the message names the key.
        TextError: the classes do not fit into a text.
    """
    kind = MaskGroundingDino if spec.model.has_mask else GroundingDino
    return grounding_dino.build(spec, classes, files, pretrained=pretrained, size=size, kind=kind)


def checkpoint_filter_fn(weights: Mapping[str, Tensor], model: GroundingDino) -> dict[str, Tensor]:
    """Published weights of Grounding DINO under this model's names; its masks begin anew."""
    return grounding_dino.checkpoint_filter_fn(weights, model)
