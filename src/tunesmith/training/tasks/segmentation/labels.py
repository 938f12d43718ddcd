"""What the values of masks mean: classes, and colours to draw them in."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from matplotlib import colormaps
from numpy.typing import NDArray

from tunesmith.networks.segmentation import Labelling
from tunesmith.specs import SpecError, SpecProblem

IGNORED = 255
"""The label of pixels that neither train nor count."""

UNKNOWN = -1
_VALUES = 256

Table = NDArray[np.int16]
"""The label of each of the 256 values of a mask: a class, IGNORED or UNKNOWN."""

Colour = tuple[int, int, int]


@dataclass(frozen=True)
class Labels:
    """The classes of a model and the values of masks that stand for them.

    Attributes:
        classes: their names; the index is the label.
        values: of each class, the values of masks that mean it.
        colours: of each class.
        widens: two classes may be given as 0 and 255.
    """

    classes: tuple[str, ...]
    values: tuple[tuple[int, ...], ...]
    colours: tuple[Colour, ...]
    widens: bool

    def table(self, found: Collection[int] | None) -> Table:
        """The label of each value, in masks that hold these values; None if nobody counted them."""
        table = np.full(_VALUES, UNKNOWN, np.int16)
        table[IGNORED] = IGNORED
        for label, values in enumerate(self.values):
            table[list(values)] = label
        wide = self.widens and len(self.classes) == 2 and (found is None or 1 not in found)
        if wide and table[1] != UNKNOWN and not any(IGNORED in values for values in self.values):
            table[IGNORED] = table[1]
        return table


def labels_for(given: Labelling, section: str, found: Collection[int] | None) -> Labels:
    """The labels that a spec describes, for masks that hold these values.

    Where the spec leaves both palette and number of classes at their defaults, the values of the masks count.

    Args:
        given: of the spec.
        section: where its keys are, for messages: "dataset".
        found: the values in the masks; None if nobody counted them.

    Raises:
        SpecError: palette and number of classes cannot be used, or not together.
    """
    values = set(found or ()) - {IGNORED}
    seen = max(values) + 1 if values - {0, 1} else None
    return _labels(given, section, seen)


def labels_of(given: Labelling, section: str, classes: tuple[str, ...]) -> Labels:
    """The labels of a model that exists: the spec is that which trained it."""
    published = tuple(dict.fromkeys(one["mapping_class"] for one in given.untouched[0]))
    return _labels(given, section, None if classes == published else len(classes))


def _labels(given: Labelling, section: str, seen: int | None) -> Labels:
    """The labels of the palette or of the number of classes, whichever was set; else of the classes seen."""
    palette, classes = given.untouched
    if given.palette != palette:
        return _of_palette(given, section)
    if given.num_classes != classes:
        return _numbered(given.num_classes, given, section)
    return _numbered(seen, given, section) if seen else _of_palette(given, section)


def _of_palette(given: Labelling, section: str) -> Labels:
    key, untouched = f"{section}.palette", given.untouched
    entries = [_entry(f"{key}[{place}]", one) for place, one in enumerate(given.palette)]
    names = tuple(dict.fromkeys(name for _, name, _ in entries))
    if len(names) < 2:
        raise SpecError([SpecProblem(key, "must name two mapping_class or more", list(names))])
    if len({value for value, _, _ in entries}) < len(entries):
        raise SpecError([SpecProblem(key, "must have each label_id once", [one[0] for one in entries])])
    if given.num_classes not in (untouched[1], len(names)):
        rule = f"must be the number of mapping_class in the palette, {len(names)}, or left at its default"
        raise SpecError([SpecProblem(f"{section}.num_classes", rule, given.num_classes)])
    values = tuple(tuple(value for value, name, _ in entries if name == one) for one in names)
    told = tuple(next(colour for _, name, colour in entries if name == one) for one in names)
    # The colours of the published default are two blacks, which nobody can tell apart.
    colours = told if given.palette != untouched[0] and all(told) else distinct_colours(len(names))
    return Labels(names, values, tuple(one or (0, 0, 0) for one in colours), given.widens)


def _numbered(count: int, given: Labelling, section: str) -> Labels:
    """Classes that are known by their values."""
    if count >= IGNORED:
        rule = f"must be below {IGNORED}: masks have 8 bits"
        raise SpecError([SpecProblem(f"{section}.num_classes", rule, count)])
    names = tuple(str(value) for value in range(count))
    values = tuple((value,) for value in range(count))
    return Labels(names, values, distinct_colours(count), given.widens)


def distinct_colours(count: int) -> tuple[Colour, ...]:
    """Colours that can be told apart: ten or twenty chosen by people, more round the circle of hues."""
    places = np.arange(count)
    if count <= 20:
        chosen = colormaps["tab10" if count <= 10 else "tab20"](places)
    else:
        chosen = colormaps["hsv"](places / count)
    return tuple((int(r), int(g), int(b)) for r, g, b, _ in np.asarray(chosen) * 255)


def _entry(path: str, given: Mapping[str, Any]) -> tuple[int, str, Colour | None]:
    value, name, rgb = given.get("label_id"), given.get("mapping_class"), given.get("rgb")
    name = name or given.get("seg_class")
    problems = []
    if type(value) is not int or not 0 <= value < _VALUES:
        problems.append(SpecProblem(f"{path}.label_id", "must be a value of a mask, 0 to 255", value))
    if not isinstance(name, str) or not name:
        problems.append(SpecProblem(f"{path}.mapping_class", "must be the name of a class", name))
    if rgb is not None and not _is_colour(rgb):
        problems.append(SpecProblem(f"{path}.rgb", "must hold three numbers from 0 to 255", rgb))
    if unknown := given.keys() - {"label_id", "mapping_class", "seg_class", "rgb"}:
        rule = "may have label_id, mapping_class, seg_class and rgb"
        problems.append(SpecProblem(path, rule, sorted(unknown)))
    if problems:
        raise SpecError(problems)
    return int(value or 0), str(name), (rgb[0], rgb[1], rgb[2]) if rgb else None


def _is_colour(rgb: Any) -> bool:
    return isinstance(rgb, list) and len(rgb) == 3 and all(type(one) is int and 0 <= one < 256 for one in rgb)
