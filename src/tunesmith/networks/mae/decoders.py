"""What fills in the hidden parts of an image, from the features of the visible ones."""

import torch
from timm.models.convnext import ConvNeXtBlock
from timm.models.vision_transformer import Block
from torch import Tensor, nn

_HEAD = 32
_BASE = 10000.0


class Decoder(nn.Module):
    """Layers over all patches, the hidden ones as one learnt token.

    Args:
        given: width of the features.
        width: of the decoder.
        depth: layers.
        grid: patches down and across.
        outputs: numbers that make a patch.
        convolves: whether the layers are those of ConvNeXt V2, or else of ViT.
    """

    places: Tensor

    def __init__(
        self, given: int, width: int, depth: int, grid: tuple[int, int], outputs: int, *, convolves: bool
    ) -> None:
        super().__init__()
        self._grid, self._convolves = grid, convolves
        self.embed = nn.Linear(given, width)
        self.mask_token = nn.Parameter(torch.zeros(1, 1, width))
        self.register_buffer("places", positions(grid, width), persistent=False)
        self.blocks = nn.Sequential(*(_block(width, convolves=convolves) for _ in range(depth)))
        self.norm = nn.LayerNorm(width)
        self.predict = nn.Linear(width, outputs)
        nn.init.normal_(self.mask_token, std=0.02)

    def forward(self, tokens: Tensor, kept: Tensor) -> Tensor:
        """(batch, kept, given) at the places (batch, kept) to all patches: (batch, patches, outputs)."""
        tokens = self.embed(tokens)
        count = self._grid[0] * self._grid[1]
        filled = self.mask_token.to(tokens.dtype).expand(tokens.shape[0], count, -1)
        filled = filled.scatter(1, kept[..., None].expand(-1, -1, tokens.shape[-1]), tokens)
        if self._convolves:
            maps = filled.transpose(1, 2).reshape(tokens.shape[0], -1, *self._grid)
            filled = self.blocks(maps).flatten(2).transpose(1, 2)
        else:
            filled = self.blocks(filled + self.places)
        predicted: Tensor = self.predict(self.norm(filled))
        return predicted


def positions(grid: tuple[int, int], width: int) -> Tensor:
    """Sines and cosines of the row and the column of each place: (1, places, width)."""
    rates = _BASE ** -(torch.arange(width // 4, dtype=torch.float64) / (width // 4))
    down, across = (torch.arange(one, dtype=torch.float64)[:, None] * rates for one in grid)
    row = torch.cat([down.sin(), down.cos()], dim=1)[:, None].expand(-1, grid[1], -1)
    column = torch.cat([across.sin(), across.cos()], dim=1)[None].expand(grid[0], -1, -1)
    return torch.cat([row, column], dim=2).reshape(1, grid[0] * grid[1], width).float()


def _block(width: int, *, convolves: bool) -> nn.Module:
    if convolves:
        return ConvNeXtBlock(width, use_grn=True, ls_init_value=None)
    return Block(width, width // _HEAD if width % _HEAD == 0 else 1, qkv_bias=True)
