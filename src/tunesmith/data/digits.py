"""The handwritten digit scans that scikit-learn ships, as a dataset in the classification_pyt layout."""

import io
import tarfile
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image

_BRIGHTEST = 16  # the scans count the inked dots of 4 x 4 blocks


def write_digits(
    folder: Path, train: int = 1297, val: int = 250, test: int = 250, seed: int = 0, size: int = 32
) -> None:
    """Write images_train.tar.gz, images_val.tar.gz, images_test.tar.gz and classes.txt.

    The 1,797 scans of 8 x 8 are shuffled by the seed, split, scaled up smoothly to `size` pixels and stored
    as grey PNG files. The same arguments give the same bytes.

    Raises:
        ModuleNotFoundError: scikit-learn is not installed.
        ValueError: more scans are asked for than there are.
    """
    scans, labels = _load()
    if min(train, val, test) < 0 or train + val + test > len(scans):
        raise ValueError(f"There are {len(scans)} digit scans; {train} + {val} + {test} were asked for.")
    order = np.random.default_rng(seed).permutation(len(scans))
    folder.mkdir(parents=True, exist_ok=True)
    start = 0
    for split, count in (("train", train), ("val", val), ("test", test)):
        chosen = [int(index) for index in order[start : start + count]]
        _write_split(folder, f"images_{split}", scans, labels, chosen, size)
        start += count
    (folder / "classes.txt").write_text("".join(f"{digit}\n" for digit in range(10)), encoding="utf-8")


def _load() -> tuple[NDArray[np.float64], NDArray[np.int64]]:
    try:
        from sklearn.datasets import load_digits
    except ModuleNotFoundError as error:
        message = "The digits dataset needs scikit-learn; install it: pip install 'tunesmith[demo]'."
        raise ModuleNotFoundError(message, name=error.name) from error
    bunch = load_digits()
    return bunch.images, bunch.target


def _write_split(
    folder: Path,
    name: str,
    scans: NDArray[np.float64],
    labels: NDArray[np.int64],
    chosen: Sequence[int],
    size: int,
) -> None:
    members = sorted((f"{name}/{labels[index]}/{index:05d}.png", index) for index in chosen)
    with tarfile.open(folder / f"{name}.tar.gz", "w:gz", compresslevel=1) as archive:
        for path, index in members:
            data = _png(scans[index], size)
            info = tarfile.TarInfo(path)
            info.size = len(data)
            archive.addfile(info, io.BytesIO(data))


def _png(scan: NDArray[np.float64], size: int) -> bytes:
    grey = (scan * (255 / _BRIGHTEST)).round().astype(np.uint8)
    image = Image.fromarray(grey).resize((size, size), Image.Resampling.BICUBIC)
    buffer = io.BytesIO()
    image.save(buffer, "PNG")
    return buffer.getvalue()
