"""Confusion matrices as files."""

import csv
from collections.abc import Sequence
from pathlib import Path

import matplotlib as mpl
from matplotlib.figure import Figure
from torch import Tensor

_MOST_LABELS = 40


def write_confusion(confusion: Tensor, classes: Sequence[str], folder: Path) -> None:
    """Write confusion_matrix.csv and confusion_matrix.png.

    Args:
        confusion: (classes, classes) counts; rows are true classes, columns predicted ones.
        classes: their names.
        folder: where the files go.
    """
    with (folder / "confusion_matrix.csv").open("w", encoding="utf-8", newline="") as file:
        rows = csv.writer(file)
        rows.writerow(["true \\ predicted", *classes])
        rows.writerows([name, *row] for name, row in zip(classes, confusion.tolist(), strict=True))
    _draw(confusion, classes, folder / "confusion_matrix.png")


def _draw(confusion: Tensor, classes: Sequence[str], path: Path) -> None:
    count = len(classes)
    side = min(4 + 0.3 * count, 20)
    figure = Figure(figsize=(side, side), layout="constrained")
    axes = figure.subplots()
    shares = confusion / confusion.sum(dim=1, keepdim=True).clamp_min(1)
    axes.imshow(shares.numpy(), cmap="Blues", vmin=0, vmax=1)
    axes.set_xlabel("predicted")
    axes.set_ylabel("true")
    if count <= _MOST_LABELS:
        axes.set_xticks(range(count), classes, rotation=90)
        axes.set_yticks(range(count), classes)
        for row in range(count):
            for column in range(count):
                if number := int(confusion[row, column]):
                    colour = "white" if shares[row, column] > 0.5 else "black"
                    axes.text(column, row, str(number), ha="center", va="center", color=colour, fontsize=7)
    with mpl.rc_context({"text.parse_math": False}):  # a class may be called "$"
        figure.savefig(path, dpi=110)
