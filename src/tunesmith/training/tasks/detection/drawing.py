"""Draws detections on images."""

from collections.abc import Mapping, Sequence
from colorsys import hsv_to_rgb
from typing import Any

from PIL import Image, ImageColor, ImageDraw, ImageFont

from tunesmith.specs import SpecError, SpecProblem
from tunesmith.training.tasks.detection.detections import Found

Colour = tuple[int, int, int]
TRUTH: Colour = (255, 255, 255)
"""The colour of what should have been found."""

_VEIL = 110  # of 255: how much of a mask covers what it is of
_GOLDEN = 0.618034  # neighbours in a list of classes get hues far apart


def colours_of(classes: Sequence[str], given: Mapping[str, Any] | None) -> dict[str, Colour]:
    """The colour of each class: the one given, else one of its own.

    Raises:
        SpecError: a name is no class, or a colour is none.
    """
    problems = []
    own = {name: _hue(index * _GOLDEN % 1) for index, name in enumerate(classes)}
    for name, value in (given or {}).items():
        path, colour = f"inference.color_map.{name}", _colour(value)
        if name not in own:
            problems.append(SpecProblem(path, f"must name a class: {', '.join(classes[:8])}", name))
        elif colour is None:
            rule = "must be a colour: a name, #rrggbb, or three whole numbers from 0 to 255"
            problems.append(SpecProblem(path, rule, value))
        else:
            own[name] = colour
    if problems:
        raise SpecError(problems)
    return own


def draw(
    image: Image.Image, found: Found, classes: Sequence[str], colours: Mapping[str, Colour], width: int
) -> Image.Image:
    """A copy of the image with a box around each detection, its mask if it has one, class and confidence.

    Args:
        image: upright, RGB.
        found: the detections, in pixels of the image.
        classes: the names of the labels.
        colours: of the classes.
        width: of the outlines in pixels.
    """
    picture = _tinted(image, found, [colours[classes[label]] for label in found.labels.tolist()])
    pen = ImageDraw.Draw(picture)
    font = ImageFont.load_default(max(9, min(18, image.height // 30)))
    # The surest last, on top of the others.
    for box, score, label in reversed(
        list(zip(found.boxes.tolist(), found.scores.tolist(), found.labels.tolist(), strict=True))
    ):
        colour = colours[classes[label]]
        pen.rectangle(box, outline=colour, width=width)
        _caption(pen, (box[0], box[1]), f"{classes[label]} {score:.0%}", colour, font)
    return picture


def _tinted(image: Image.Image, found: Found, colours: Sequence[Colour]) -> Image.Image:
    """A copy of the image with the masks in it, the surest on top."""
    picture = image.copy()
    if found.masks is not None:
        for mask, colour in reversed(list(zip(found.masks, colours, strict=True))):
            veil = Image.fromarray(mask.numpy().astype("uint8") * _VEIL)
            picture.paste(colour, (0, 0), veil)
    return picture


def outline(image: Image.Image, boxes: Sequence[Sequence[float]], colour: Colour, width: int) -> None:
    """Draw boxes without captions into the image."""
    pen = ImageDraw.Draw(image)
    for box in boxes:
        pen.rectangle(tuple(box), outline=colour, width=width)


def _caption(
    pen: ImageDraw.ImageDraw, corner: tuple[float, float], text: str, colour: Colour, font: Any
) -> None:
    left, top, right, bottom = pen.textbbox(corner, text, font)
    above = max(0.0, corner[1] - (bottom - top) - 4)
    pen.rectangle((left, above, right + 2, above + bottom - top + 4), fill=colour)
    dark = sum(colour) > 380
    pen.text((left + 1, above), text, (0, 0, 0) if dark else (255, 255, 255), font)


def _colour(value: Any) -> Colour | None:
    if isinstance(value, str):
        try:
            red, green, blue = ImageColor.getrgb(value)[:3]
        except ValueError:
            return None
        return red, green, blue
    whole = isinstance(value, list | tuple) and len(value) == 3
    if whole and all(type(one) is int and 0 <= one <= 255 for one in value):
        return value[0], value[1], value[2]
    return None


def _hue(hue: float) -> Colour:
    red, green, blue = (round(255 * part) for part in hsv_to_rgb(hue, 0.75, 0.95))
    return red, green, blue
