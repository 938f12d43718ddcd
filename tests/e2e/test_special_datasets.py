"""Datasets of the special types of images, through a real server, to a verdict that helps."""

from collections.abc import Iterator, Mapping
from typing import Any

import pytest
from tests.data.digit_images import picture
from tests.data.pet_data import archive
from tests.data.scene_data import changing
from tests.data.special_data import words
from tests.live_server import Server

from tunesmith.client import Client
from tunesmith.client.errors import DatasetInvalidError
from tunesmith.client.models import Dataset

SEGMENT = ("visual_changenet", "visual_changenet_segment")
OCRNET = ("ocrnet", "default")


@pytest.fixture
def client(server: Server) -> Iterator[Client]:
    with Client(server.url, org=server.org, api_key=server.api_key) as client:
        yield client


@pytest.fixture
def pulled(client: Client, server: Server):
    """Lays files out in a workspace, registers them as a dataset and waits for the verdict."""

    def run(pair: tuple[str, str], files: Mapping[str, bytes], use_for: list[str], **fields: Any) -> Dataset:
        folder = server.folder("special") / "set"
        folder.mkdir()
        for name, data in files.items():
            (folder / name).write_bytes(data)
        space = client.workspaces.create("special", "self_hosted", {"path": str(folder.parent)})
        dataset_type, dataset_format = pair
        made = client.datasets.create(
            dataset_type,
            dataset_format,
            workspace=space.id,
            cloud_file_path="/set",
            use_for=use_for,
            **fields,
        )
        return client.datasets.wait(made.id, interval=0.1)

    return run


def test_whole_datasets_are_pulled_and_counted(pulled):
    read = pulled(OCRNET, words(), ["training"])
    assert read.usable
    assert read.validation.counts["words"] == {"train": {"usable": 5, "left_out": 0}}
    changes = pulled(SEGMENT, changing(), ["training", "evaluation"], check_all_images=True)
    assert changes.usable
    assert changes.validation.counts["pairs"] == {"train": 3, "val": 2, "test": 2, "predict": 1}
    assert changes.validation.counts["decoded"] == 16


def test_flaws_are_told_with_the_file_and_the_remedy(pulled):
    listed = archive({"1.png": picture(1), "gt_new.txt": b"1.png\tabc\n"})
    with pytest.raises(
        DatasetInvalidError, match=r"train\.tar\.gz: holds no image of a word .* character_list"
    ):
        pulled(OCRNET, words() | {"train.tar.gz": listed}, ["training"])
    with pytest.raises(
        DatasetInvalidError, match=r"B\.tar\.gz: holds no 'val_0\.png', which val\.txt names\. Add"
    ):
        pulled(SEGMENT, changing(changes={"B": {"val_0.png": None}}), ["training"])
