"""Datasets in the making."""

from collections.abc import Callable
from pathlib import Path

import pytest

from tunesmith.storage.files import Files
from tunesmith.storage.locations import FolderStore, Location


@pytest.fixture
def source(tmp_path: Path) -> Callable[..., Files]:
    """Lays the given files out as a dataset in a workspace."""

    def lay_out(**files: bytes) -> Files:
        folder = tmp_path / "workspace" / "data" / "pets"
        folder.mkdir(parents=True, exist_ok=True)
        for name, data in files.items():
            (folder / _NAMES[name]).write_bytes(data)
        return Files(Location(store=FolderStore(id="w", path=tmp_path / "workspace"), prefix="data/pets"), {})

    return lay_out


_NAMES = {
    "train": "images_train.tar.gz",
    "val": "images_val.tar.gz",
    "test": "images_test.tar.gz",
    "classes": "classes.txt",
}
