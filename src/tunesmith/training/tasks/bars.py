"""Scores of classes as a picture."""

from collections.abc import Sequence
from pathlib import Path

import matplotlib as mpl
from matplotlib.figure import Figure


def draw_bars(values: Sequence[float], classes: Sequence[str], what: str, path: Path) -> None:
    """Draw a bar for each class, from 0 to 1.

    Args:
        values: one a class.
        classes: their names.
        what: the values are, for the axis.
        path: of the picture.
    """
    figure = Figure(figsize=(7, min(2 + 0.28 * len(classes), 30)), layout="constrained")
    axes = figure.subplots()
    axes.barh(range(len(classes)), values)
    axes.set_yticks(range(len(classes)), classes)
    axes.invert_yaxis()
    axes.set_xlim(0, 1)
    axes.set_xlabel(what)
    with mpl.rc_context({"text.parse_math": False}):  # a class may be called "$"
        figure.savefig(path, dpi=110)
