"""Small real datasets of skeletons, as numpy and pickle write them."""

import io
import pickle
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray


def npy(array: NDArray[Any]) -> bytes:
    """A file of numpy's."""
    stream = io.BytesIO()
    np.save(stream, array)
    return stream.getvalue()


def sequences(count: int = 4, joints: int = 34) -> NDArray[np.float32]:
    """Movements of five frames, of one person each."""
    shape = (count, 3, 5, joints, 1)
    return np.random.default_rng(0).normal(size=shape).astype(np.float32)


def labels(values: Sequence[object] = (0, 1, 0, 1)) -> bytes:
    """A pickle of names and these labels."""
    return pickle.dumps(([f"video_{index}" for index in range(len(values))], list(values)))


def skeletons(graph: str = "nvidia", joints: int = 34, **changes: bytes | None) -> dict[str, bytes]:
    """The files of a dataset. Changes replace or remove some: `val_data__npy=None`."""
    files: dict[str, bytes | None] = {
        "train_data.npy": npy(sequences(joints=joints)),
        "train_label.pkl": labels(),
        "val_data.npy": npy(sequences(2, joints)),
        "val_label.pkl": labels((1, 0)),
    }
    files |= {name.replace("__", "."): data for name, data in changes.items()}
    whole = {name: data for name, data in files.items() if data is not None}
    return {f"{graph}/{name}": data for name, data in whole.items()}
