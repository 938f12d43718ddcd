"""What DINO's decoder begins with: contents and boxes of its queries."""

from typing import NamedTuple

import torch
from torch import Tensor, nn

from tunesmith.networks.dino.spec import Model
from tunesmith.networks.layers.detector import Predictions
from tunesmith.networks.layers.heads import box_head, class_head
from tunesmith.networks.layers.memory import Memory
from tunesmith.networks.layers.places import logit

_SIDE = 0.05  # of a proposal on the finest map, as a share of the image; twice as much on each next one
_EDGE = 0.01  # proposals so near to the edge of the image are none


class Queries(NamedTuple):
    """Queries of a batch.

    Attributes:
        content: (batch, queries, width).
        boxes: (batch, queries, 4), shares of the image.
        proposals: the encoder's predictions that they begin with; None where places are learnt.
        places: the encoder's logits (batch, places, classes) everywhere; None where places are learnt.
    """

    content: Tensor
    boxes: Tensor
    proposals: Predictions | None = None
    places: Tensor | None = None


class Proposed(nn.Module):
    """Queries begin at what the encoder takes for objects; their contents are learnt, or the encoder's."""

    def __init__(self, model: Model, classes: int) -> None:
        super().__init__()
        width = model.hidden_dim
        self._count = model.num_queries
        self.enc_output = nn.Linear(width, width)
        self.enc_output_norm = nn.LayerNorm(width)
        self.class_embed, self.bbox_embed = class_head(width, classes), box_head(width)
        self.content = _contents(model) if model.embed_init_tgt else None

    def forward(self, memory: Memory) -> Queries:
        """The surest places of a memory; all of them if there are fewer than queries."""
        places, fit = _places(memory)
        features = self.enc_output_norm(self.enc_output(memory.features.masked_fill(~fit, 0.0)))
        logits = self.class_embed(features)
        # Places that cannot be chosen are all alike: the order of them must not matter.
        boxes = self.bbox_embed(features) + logit(places).masked_fill(~fit, float("inf"))
        sure = logits.amax(dim=-1).masked_fill(~fit[..., 0], float("-inf"))
        count = min(self._count, sure.shape[1])
        chosen = sure.topk(count, dim=1).indices[..., None]
        everywhere = logits
        logits, boxes = _at(logits, chosen), _at(boxes, chosen).sigmoid()
        if self.content is not None:
            content = self.content.weight[:count].expand(logits.shape[0], -1, -1)
        else:
            content = _at(features, chosen).detach()
        return Queries(content, boxes.detach(), Predictions(logits, boxes), everywhere)


class Learnt(nn.Module):
    """Queries whose contents and places are learnt."""

    def __init__(self, model: Model) -> None:
        super().__init__()
        count, fixed = model.num_queries, model.fix_refpoints_hw
        self.content = _contents(model)
        self.points = nn.Embedding(count, 4 if fixed == -1 else 2)
        self.side = nn.Embedding(1, 1) if fixed == -2 else None
        self._fixed = float(fixed)

    def forward(self, memory: Memory) -> Queries:
        """The same for each image."""
        places, batch = self.points.weight, memory.features.shape[0]
        if self.side is not None:
            places = torch.cat([places, self.side.weight.expand(len(places), 2)], dim=1)
        elif places.shape[1] == 2:
            places = torch.cat([places, torch.full_like(places, self._fixed)], dim=1)
        content = self.content.weight.expand(batch, -1, -1)
        return Queries(content, places.sigmoid().expand(batch, -1, -1))


def _contents(model: Model) -> nn.Embedding:
    return nn.Embedding(model.num_queries, model.hidden_dim)


def _places(memory: Memory) -> tuple[Tensor, Tensor]:
    """A box at each place (batch, places, 4), and which of them may be proposed (batch, places, 1)."""
    found = []
    for level, grid in enumerate(memory.grids):
        centres = grid.centres()
        found.append(torch.cat([centres, torch.full_like(centres, _SIDE * 2.0**level)], dim=-1))
    places = torch.cat(found, dim=1)
    inside = ((places > _EDGE) & (places < 1 - _EDGE)).all(dim=-1, keepdim=True)
    return places, inside & memory.valid[..., None]


def _at(values: Tensor, chosen: Tensor) -> Tensor:
    return values.gather(1, chosen.expand(-1, -1, values.shape[-1]))
