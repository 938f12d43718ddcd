"""The demo's two pictures."""

import io
import tarfile
from collections.abc import Sequence
from pathlib import Path

from PIL import Image

from tunesmith.client import Progress
from tunesmith.data.draw import Tile, grid
from tunesmith.demo.outcome import Prediction

_COLUMNS, _ROWS, _TILE = 10, 6, 88


def draw_curve(progress: Progress, path: Path) -> None:
    """Draw loss and accuracy by epoch."""
    from matplotlib.figure import Figure
    from matplotlib.ticker import MaxNLocator

    figure = Figure(figsize=(8, 4.5), layout="constrained")
    losses, scores = figure.subplots(1, 2)
    for name, curve in progress.curves.items():
        if "loss" in name or "acc" in name:
            axes = losses if "loss" in name else scores
            axes.plot(list(curve), list(curve.values()), marker="o", markersize=3, label=name)
    losses.set_yscale("log")
    for axes, title in ((losses, "loss"), (scores, "accuracy")):
        axes.set(title=title, xlabel="epoch")
        axes.xaxis.set_major_locator(MaxNLocator(integer=True))
        axes.grid(alpha=0.3)
        axes.legend()
    figure.savefig(path, dpi=120)


def draw_predictions(predictions: Sequence[Prediction], images: Path, path: Path) -> None:
    """Draw test images with what the model says: every mistake first, then the least certain ones.

    `images` is the archive that holds the images.
    """
    ranked = sorted(predictions, key=lambda one: (one.right, one.confidence))[: _COLUMNS * _ROWS]
    with tarfile.open(images) as archive:
        members = {"/".join(name.split("/")[-2:]): name for name in archive.getnames()}
        tiles = [_tile(archive, members[one.file], one) for one in ranked]
    grid(tiles, _COLUMNS, _TILE).save(path)


def _tile(archive: tarfile.TarFile, member: str, prediction: Prediction) -> Tile:
    file = archive.extractfile(member)
    if file is None:
        raise FileNotFoundError(member)
    caption = f"{prediction.predicted}: {prediction.confidence:.0%}"
    if not prediction.right:
        caption += f", is {prediction.label}"
    return Tile(Image.open(io.BytesIO(file.read())), caption, prediction.right)
