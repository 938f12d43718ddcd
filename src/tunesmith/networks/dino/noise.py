"""Contrastive denoising: boxes to be restored from little noise, and to be refused with more."""

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from torch import Tensor, nn
from transformers.models.rt_detr_v2.modeling_rt_detr_v2 import get_contrastive_denoising_training_group

from tunesmith.networks.dino.spec import Model
from tunesmith.networks.layers.detector import Target


class Noise(NamedTuple):
    """Noisy queries, which come before the others.

    Attributes:
        content: (batch, noisy queries, width).
        boxes: (batch, noisy queries, 4), shares of the image.
        mask: (queries, queries) of all queries, added to attention: noisy groups and others see only
            themselves.
        facts: which of them are to restore which objects, for the losses.
    """

    content: Tensor
    boxes: Tensor
    mask: Tensor
    facts: Mapping[str, Any]


def noise_of(model: Model, targets: Sequence[Target], labels: nn.Embedding, queries: int) -> Noise | None:
    """Noisy copies of the objects of a batch; None if it has none.

    Args:
        model: the section of the spec.
        targets: of each image; boxes as shares of the image.
        labels: what each class is known by, and last what is none.
        queries: how many other queries there are.
    """
    content, boxes, mask, facts = get_contrastive_denoising_training_group(  # type: ignore[no-untyped-call]
        list(targets),
        labels.num_embeddings - 1,
        queries,
        labels,
        model.dn_number,
        model.dn_label_noise_ratio,
        model.dn_box_noise_scale,
    )
    if content is None:
        return None
    # The library gives logits, but boxes as they are where it adds no noise.
    return Noise(content, boxes.sigmoid() if model.dn_box_noise_scale > 0 else boxes, mask, facts)
