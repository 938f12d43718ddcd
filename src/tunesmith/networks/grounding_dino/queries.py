"""Where the queries of Grounding DINO begin: at the encoder's proposals, or at learnt places."""

from typing import NamedTuple, cast

import torch
from torch import Tensor, nn
from transformers import GroundingDinoConfig
from transformers.models.grounding_dino.modeling_grounding_dino import GroundingDinoMLPPredictionHead

from tunesmith.networks.grounding_dino.spec import Model
from tunesmith.networks.grounding_dino.vision import Places

_SIDE = 0.05  # of a proposal on the finest map, as a share of the image
_EDGE = 0.01
_NOWHERE = 1e4  # as a logit: what is no proposal lies at the corner


class Begun(NamedTuple):
    """Queries as they begin.

    Attributes:
        contents: (batch, queries, width).
        boxes: (batch, queries, 4).
        proposed: logits (batch, queries, tokens) and boxes of the encoder's proposals; None without any.
    """

    contents: Tensor
    boxes: Tensor
    proposed: tuple[Tensor, Tensor] | None


class WordScores(nn.Module):
    """How well queries go with words: products, scaled as the spec says."""

    def __init__(self, model: Model, scale: float | None) -> None:
        super().__init__()
        self.log_scale = None if scale is None else nn.Parameter(torch.tensor([scale]))
        self.bias = nn.Parameter(torch.tensor([-4.59512])) if model.class_embed_bias else None
        self._factor = model.hidden_dim**-0.5 if model.log_scale == "auto" else 1.0

    def forward(self, queries: Tensor, words: Tensor, valid: Tensor) -> Tensor:
        """Logits (batch, queries, tokens), very low for padding."""
        scores = queries @ words.transpose(1, 2) * self._factor
        if self.log_scale is not None:
            scores = scores * self.log_scale.exp()
        if self.bias is not None:
            scores = scores + self.bias
        return scores.masked_fill(~valid[:, None], -_NOWHERE)


class Proposals(nn.Module):
    """The places of the encoder that go best with the words."""

    def __init__(self, config: GroundingDinoConfig, scores: WordScores) -> None:
        super().__init__()
        width = config.d_model
        self.enc_output = nn.Linear(width, width)
        self.enc_output_norm = nn.LayerNorm(width, config.layer_norm_eps)
        self.encoder_output_bbox_embed = box_head(width)
        self.scores = scores
        self._count, self._learnt = config.num_queries, config.embedding_init_target
        if self._learnt:
            self.query_position_embeddings = nn.Embedding(self._count, width)

    def forward(self, memory: Tensor, places: Places, words: Tensor, valid: Tensor) -> Begun:
        """The best proposals among memory (batch, places, width)."""
        boxes, kept = _everywhere(places)
        features = self.enc_output_norm(self.enc_output(memory.masked_fill(~kept, 0.0)))
        logits = self.scores(features, words, valid)
        moved = self.encoder_output_bbox_embed(features) + boxes
        count = min(self._count, memory.shape[1])
        best = logits.detach().amax(-1).topk(count, dim=1).indices[..., None]
        chosen = moved.gather(1, best.expand(-1, -1, 4)).sigmoid()
        proposed = (logits.gather(1, best.expand(-1, -1, logits.shape[-1])), chosen)
        if self._learnt:
            contents = self.query_position_embeddings.weight[:count].expand(memory.shape[0], -1, -1)
        else:
            contents = features.gather(1, best.expand(-1, -1, features.shape[-1])).detach()
        return Begun(contents, chosen.detach(), proposed)


class LearntPlaces(nn.Module):
    """Places that are learnt, the same for all images."""

    def __init__(self, config: GroundingDinoConfig, model: Model) -> None:
        super().__init__()
        sides = model.fix_refpoints_hw
        self.query_position_embeddings = nn.Embedding(config.num_queries, config.d_model)
        self.reference_points = nn.Embedding(config.num_queries, 4 if sides == -1 else 2)
        nn.init.uniform_(self.reference_points.weight, -2, 2)
        self._fixed = float(sides)
        if sides == -2:
            self.reference_sides = nn.Embedding(1, 2)

    def forward(self, memory: Tensor, places: Places, words: Tensor, valid: Tensor) -> Begun:  # noqa: ARG002
        """The learnt places for each image of a batch."""
        points = self.reference_points.weight
        if points.shape[1] == 2:
            sides = self.reference_sides.weight if self._fixed < 0 else torch.full_like(points, self._fixed)
            points = torch.cat([points, sides.expand(len(points), -1)], dim=1)
        contents = self.query_position_embeddings.weight.expand(memory.shape[0], -1, -1)
        return Begun(contents, points.sigmoid().expand(memory.shape[0], -1, -1), None)


def box_head(width: int) -> nn.Module:
    """Queries to changes of boxes, none in the beginning."""
    head = GroundingDinoMLPPredictionHead(width, width, 4, 3)  # type: ignore[no-untyped-call]
    last = cast("nn.Linear", head.layers[-1])
    nn.init.zeros_(last.weight)
    nn.init.zeros_(last.bias)
    return head


def _everywhere(places: Places) -> tuple[Tensor, Tensor]:
    """A box around each place as logits (batch, places, 4), and whether it is one: (batch, places, 1)."""
    found, start = [], 0
    for level, (height, width) in enumerate(places.shapes):
        inside = places.valid[:, start : start + height * width].reshape(-1, height, width)
        tall, wide = inside[:, :, 0].sum(1), inside[:, 0].sum(1)
        down = torch.arange(height, device=inside.device, dtype=torch.float32) + 0.5
        across = torch.arange(width, device=inside.device, dtype=torch.float32) + 0.5
        grid = torch.stack([across.expand(height, -1), down[:, None].expand(-1, width)], dim=-1)
        centres = grid[None] / torch.stack([wide, tall], dim=-1)[:, None, None]
        found.append(torch.cat([centres, torch.full_like(centres, _SIDE * 2**level)], dim=-1).flatten(1, 2))
        start += height * width
    boxes = torch.cat(found, dim=1)
    kept = ((boxes > _EDGE) & (boxes < 1 - _EDGE)).all(-1, keepdim=True) & places.valid[..., None]
    return torch.where(kept, torch.logit(boxes, eps=1e-6), _NOWHERE), kept
