"""DINO's decoder: layers that improve boxes one after another, each looking forward twice."""

from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor, nn
from transformers import DeformableDetrConfig
from transformers.models.deformable_detr.modeling_deformable_detr import (
    DeformableDetrDecoder,
    DeformableDetrMLPPredictionHead,
)

from tunesmith.networks.layers.heads import box_head, class_head
from tunesmith.networks.layers.memory import Memory
from tunesmith.networks.layers.places import logit, waves


class Decoder(nn.Module):
    """Queries to logits and boxes of each layer.

    Attributes:
        first: what queries look at first: one another (sa), the classes (ca_label) or the image (ca_content).
    """

    def __init__(self, config: DeformableDetrConfig, classes: int, first: str) -> None:
        super().__init__()
        width, count = config.d_model, config.decoder_layers
        self.first = first
        self.layers = _layers(config)
        if first == "ca_label":
            for layer in self.layers:
                layer.self_attn = LabelAttention(config)
        elif first == "ca_content":
            for layer, other in zip(self.layers, _layers(config), strict=True):
                layer.self_attn = ContentAttention(other.encoder_attn)
        self.norm = nn.LayerNorm(width)
        self.ref_point_head: Any = DeformableDetrMLPPredictionHead(  # type: ignore[no-untyped-call]
            2 * width, width, width, num_layers=2
        )
        self.class_embed = nn.ModuleList(class_head(width, classes) for _ in range(count))
        self.bbox_embed = nn.ModuleList(box_head(width) for _ in range(count))

    def forward(
        self, content: Tensor, boxes: Tensor, memory: Memory, mask: Tensor | None, labels: Tensor | None
    ) -> tuple[Tensor, Tensor]:
        """Args:
            content: (batch, queries, width).
            boxes: (batch, queries, 4) that the queries begin with, shares of the image.
            memory: of the encoder.
            mask: (queries, queries) added to what queries pay attention to one another.
            labels: (classes, width) what classes are known by, where queries look at them.

        Returns:
            Logits and boxes, (batch, layers, queries, ...), boxes as shares of the image.
        """
        logits, found = [], []
        reference = start = boxes
        ratios = memory.ratios.repeat(1, 1, 2)[:, None]
        for layer, classes, corners in zip(self.layers, self.class_embed, self.bbox_embed, strict=True):
            places = start[:, :, None] * ratios
            position = self.ref_point_head(waves(places[:, :, 0], content.shape[-1] // 2).flatten(-2))
            attended = {"reference_points": places, **memory.attended()}
            seen = self._seen(attended, mask, labels)
            content = layer(content, position, **attended, **seen)
            hidden = self.norm(content)
            delta = corners(hidden)
            logits.append(classes(hidden))
            # The loss of a layer's boxes reaches the layer before it too, and no farther.
            found.append((delta + logit(reference)).sigmoid())
            reference = (delta + logit(start)).sigmoid()
            start = reference.detach()
        return torch.stack(logits, dim=1), torch.stack(found, dim=1)

    def _seen(
        self, attended: Mapping[str, Any], mask: Tensor | None, labels: Tensor | None
    ) -> dict[str, Any]:
        if self.first == "ca_label":
            return {"labels": labels}
        if self.first == "ca_content":
            return {"attended": attended}
        return {"attention_mask": None if mask is None else mask[None, None]}


class LabelAttention(nn.Module):
    """Queries look at the classes."""

    def __init__(self, config: DeformableDetrConfig) -> None:
        super().__init__()
        self.attention = nn.MultiheadAttention(
            config.d_model, config.decoder_attention_heads, config.attention_dropout, batch_first=True
        )

    def forward(
        self, hidden_states: Tensor, position_embeddings: Tensor | None, labels: Tensor
    ) -> tuple[Tensor, None]:
        """Attention of (batch, queries, width) to labels (classes, width)."""
        known = labels.expand(hidden_states.shape[0], -1, -1)
        asked = hidden_states if position_embeddings is None else hidden_states + position_embeddings
        return self.attention(asked, known, known, need_weights=False)[0], None


class ContentAttention(nn.Module):
    """Queries look at the image, before they do so once more."""

    def __init__(self, attention: nn.Module) -> None:
        super().__init__()
        self.attention = attention

    def forward(
        self, hidden_states: Tensor, position_embeddings: Tensor | None, attended: dict[str, Any]
    ) -> tuple[Tensor, Tensor]:
        """Deformable attention to what the layer attends to."""
        found: tuple[Tensor, Tensor] = self.attention(
            hidden_states=hidden_states,
            attention_mask=attended["encoder_attention_mask"],
            position_embeddings=position_embeddings,
            **attended,
        )
        return found


def _layers(config: DeformableDetrConfig) -> Any:
    """transformers' layers, with weights as it begins with."""
    whole: Any = DeformableDetrDecoder(config)
    return whole.layers
