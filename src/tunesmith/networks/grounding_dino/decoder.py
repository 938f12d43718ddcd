"""The decoder of Grounding DINO on transformers' layers, with further queries that are made of noise."""

from typing import Any, NamedTuple

import torch
from torch import Tensor, nn
from torch.nn.functional import dropout
from transformers import GroundingDinoConfig
from transformers.models.grounding_dino.modeling_grounding_dino import (
    GroundingDinoDecoderLayer,
    GroundingDinoMLPPredictionHead,
    GroundingDinoMultiscaleDeformableAttention,
    GroundingDinoPreTrainedModel,
    encode_sinusoidal_position_embedding,
)

from tunesmith.networks.grounding_dino.vision import Places
from tunesmith.networks.layers.places import logit


class Looked(NamedTuple):
    """What a decoder looks at.

    Attributes:
        memory: (batch, places, width), the encoder's.
        places: where these are.
        words: (batch, tokens, width), the encoder's.
        masked: (batch, 1, 1, tokens): the lowest number where a token is padding, else 0.
    """

    memory: Tensor
    places: Places
    words: Tensor
    masked: Tensor

    def image(self, references: Tensor) -> dict[str, Any]:
        """What deformable attention takes of it, around boxes (batch, queries, 4)."""
        ratios = torch.cat([self.places.ratios, self.places.ratios], -1)[:, None]
        return {
            "encoder_hidden_states": self.memory,
            "attention_mask": self.places.valid,
            "reference_points": references[:, :, None] * ratios,
            "spatial_shapes": self.places.sizes,
            "spatial_shapes_list": self.places.shapes,
            "level_start_index": self.places.starts,
        }


class Layer(GroundingDinoDecoderLayer):
    """A layer whose queries look first at one another, the words (ca_label) or the image (ca_content)."""

    def __init__(self, config: GroundingDinoConfig, first: str) -> None:
        super().__init__(config)
        self._first = first
        if first == "ca_content":
            heads, points = config.decoder_attention_heads, config.decoder_n_points
            image: Any = GroundingDinoMultiscaleDeformableAttention(config, heads, points)
            self.self_attn = image

    def forward(  # type: ignore[override]
        self, hidden: Tensor, positions: Tensor, references: Tensor, looked: Looked, apart: Tensor | None
    ) -> Tensor:
        """The queries (batch, queries, width) after the layer.

        Args:
            hidden: the queries.
            positions: (batch, queries, width): where they are.
            references: (batch, queries, 4): their boxes.
            looked: what they look at.
            apart: (queries, queries): the lowest number where one must not look at another.
        """
        placed = hidden + positions
        if self._first == "sa":
            seen = self.self_attn(placed, placed, hidden, apart)[0]
        elif self._first == "ca_label":
            seen = self.self_attn(placed, looked.words, looked.words, looked.masked)[0]
        else:
            seen = self.self_attn(hidden, position_embeddings=positions, **looked.image(references))[0]
        hidden = self.self_attn_layer_norm(hidden + self._dropped(seen))
        read = self.encoder_attn_text(hidden + positions, looked.words, looked.words, looked.masked)[0]
        hidden = self.encoder_attn_text_layer_norm(hidden + self._dropped(read))
        seen = self.encoder_attn(hidden, position_embeddings=positions, **looked.image(references))[0]
        hidden = self.encoder_attn_layer_norm(hidden + self._dropped(seen))
        inner = dropout(self.activation_fn(self.fc1(hidden)), self.activation_dropout, self.training)
        hidden = hidden + self._dropped(self.fc2(inner))
        normed: Tensor = self.final_layer_norm(hidden)
        return normed

    def _dropped(self, one: Tensor) -> Tensor:
        return dropout(one, self.dropout, self.training)


class Decoder(GroundingDinoPreTrainedModel):
    """Refines queries and their boxes layer by layer."""

    def __init__(self, config: GroundingDinoConfig, first: str) -> None:
        super().__init__(config)
        width = config.d_model
        self.layers = nn.ModuleList(Layer(config, first) for _ in range(config.decoder_layers))
        self.layer_norm = nn.LayerNorm(width, config.layer_norm_eps)
        self.ref_point_head = GroundingDinoMLPPredictionHead(2 * width, width, width, 2)  # type: ignore[no-untyped-call]
        self._waves = width // 2
        self.post_init()  # type: ignore[no-untyped-call]

    def forward(
        self, queries: Tensor, references: Tensor, looked: Looked, box_head: nn.Module, apart: Tensor | None
    ) -> tuple[list[Tensor], list[Tensor]]:
        """The queries after each layer, and their boxes.

        Args:
            queries: (batch, queries, width).
            references: (batch, queries, 4): boxes that they begin at.
            looked: what they look at.
            box_head: queries to changes of boxes, as logits.
            apart: (queries, queries): the lowest number where one must not look at another.
        """
        hidden, found, boxes = queries, [], []
        ratios = torch.cat([looked.places.ratios, looked.places.ratios], -1)[:, None]
        for layer in self.layers:
            around = (references[:, :, None] * ratios)[:, :, 0]
            waves = encode_sinusoidal_position_embedding(around, num_pos_feats=self._waves)
            positions = self.ref_point_head(waves)
            hidden = layer(hidden, positions, references, looked, apart)
            normed = self.layer_norm(hidden)
            found.append(normed)
            boxes.append((box_head(normed) + logit(references)).sigmoid())
            references = (box_head(hidden) + logit(references)).sigmoid().detach()
        return found, boxes
