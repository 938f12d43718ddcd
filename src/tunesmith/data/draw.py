"""Draws grids of images with captions, as a person wants to see predictions."""

from collections.abc import Sequence
from dataclasses import dataclass

from PIL import Image, ImageDraw, ImageFont

_MARGIN = 4
_BORDER = 3
_RIGHT, _WRONG, _PLAIN = (34, 139, 34), (200, 30, 30), (90, 90, 90)
_PAPER = (255, 255, 255)


@dataclass(frozen=True)
class Tile:
    """An image and what stands below it; `right` colours it green or red, None grey."""

    image: Image.Image
    caption: str
    right: bool | None = None


def grid(tiles: Sequence[Tile], columns: int, tile_size: int) -> Image.Image:
    """The tiles row by row, each image scaled to fit `tile_size` pixels and its caption below it.

    Raises:
        ValueError: there is no tile, or a size is not positive.
    """
    if not tiles or columns < 1 or tile_size < 1:
        raise ValueError("A grid needs at least one tile, one column and one pixel.")
    columns = min(columns, len(tiles))
    font = ImageFont.load_default(max(9, tile_size // 9))
    bottom = sum(font.getmetrics()) if isinstance(font, ImageFont.FreeTypeFont) else 12
    width, height = tile_size + 2 * _MARGIN, tile_size + bottom + 3 * _MARGIN
    rows = -(-len(tiles) // columns)
    sheet = Image.new("RGB", (columns * width, rows * height), _PAPER)
    draw = ImageDraw.Draw(sheet)
    for index, tile in enumerate(tiles):
        left, top = (index % columns) * width + _MARGIN, (index // columns) * height + _MARGIN
        sheet.paste(_framed(tile, tile_size), (left, top))
        caption = _fitted(draw, tile.caption, font, tile_size)
        draw.text((left, top + tile_size + _MARGIN // 2), caption, _colour(tile), font)
    return sheet


def _framed(tile: Tile, size: int) -> Image.Image:
    frame = Image.new("RGB", (size, size), _colour(tile))
    inner = max(1, size - 2 * _BORDER)
    image = tile.image.convert("RGB")
    scale = inner / max(image.size)
    shape = (max(1, round(image.width * scale)), max(1, round(image.height * scale)))
    # Small images keep their pixels: blurred ones hide what the model saw.
    way = Image.Resampling.NEAREST if scale >= 2 else Image.Resampling.LANCZOS
    frame.paste(image.resize(shape, way), ((size - shape[0]) // 2, (size - shape[1]) // 2))
    return frame


def _fitted(
    draw: ImageDraw.ImageDraw, text: str, font: ImageFont.FreeTypeFont | ImageFont.ImageFont, width: int
) -> str:
    line = " ".join(text.split())
    if draw.textlength(line, font) <= width:
        return line
    while line and draw.textlength(f"{line}...", font) > width:
        line = line[:-1]
    return f"{line}..."


def _colour(tile: Tile) -> tuple[int, int, int]:
    if tile.right is None:
        return _PLAIN
    return _RIGHT if tile.right else _WRONG
