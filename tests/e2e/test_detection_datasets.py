"""Datasets of boxes and masks, through a real server, to counts or to a reason that helps."""

from collections.abc import Iterator, Mapping
from uuid import uuid4

import pytest
from tests.data.detection_data import coco, count_of, kitti, panoptic, scenes, unet, with_json, write
from tests.data.digit_images import encoded
from tests.data.pet_data import archive
from tests.live_server import Server

from tunesmith.client import Client
from tunesmith.client.errors import DatasetInvalidError
from tunesmith.client.models import Dataset

PICTURES = scenes(4)


@pytest.fixture
def client(server: Server) -> Iterator[Client]:
    with Client(server.url, org=server.org, api_key=server.api_key) as client:
        yield client


@pytest.fixture
def pulled(client: Client, server: Server):
    """Lays files out in a workspace, registers them as a dataset and waits for the verdict."""

    def run(dataset_type: str, dataset_format: str, files: Mapping[str, bytes]) -> Dataset:
        folder = server.folder(uuid4().hex)
        write(folder / "set", files)
        space = client.workspaces.create("scenes", "self_hosted", {"path": str(folder)})
        made = client.datasets.create(
            dataset_type, dataset_format, workspace=space.id, cloud_file_path="/set", use_for=["training"]
        )
        return client.datasets.wait(made.id, interval=0.1)

    return run


def test_boxes_are_pulled_and_counted(pulled):
    found = pulled("object_detection", "coco", coco(PICTURES))
    assert found.usable
    assert found.validation.counts["classes"] == {"annotations.json": count_of(PICTURES)}
    assert found.validation.counts["images"] == {"listed": 4, "annotated": 4, "unlisted": 0}
    assert not found.validation.findings


def test_masks_are_pulled_and_counted(pulled):
    found = pulled("segmentation", "coco_panoptic", panoptic(PICTURES))
    assert found.usable
    assert found.validation.counts["panoptic_classes"] == count_of(PICTURES) | {"ground": 4}
    found = pulled("segmentation", "unet", unet(PICTURES[:3], PICTURES[3:], PICTURES[:1]))
    assert found.usable
    assert found.validation.counts["masks"] == {"train": 3, "val": 1, "test": 0}


def test_a_box_of_an_unknown_class_is_told_with_its_place(pulled):
    files = with_json(
        coco(PICTURES), "annotations.json", lambda whole: whole["annotations"][2].update(category_id=80)
    )
    refusal = r"annotations\.json: refers in annotations\[2\] to the category 80, .* Add the category"
    with pytest.raises(DatasetInvalidError, match=refusal):
        pulled("object_detection", "coco", files)


def test_a_flawed_line_and_a_flawed_mask_are_told_with_their_files(pulled):
    labels = {f"labels/{scene.stem}.txt": b"two 0 0 0 1 2 3\n" for scene in PICTURES}
    with pytest.raises(
        DatasetInvalidError, match=r"labels\.tar\.gz/labels/0_0000\.txt: has 7 columns in line 1"
    ):
        pulled("object_detection", "kitti", kitti(PICTURES) | {"labels.tar.gz": archive(labels)})
    small = archive({f"{PICTURES[3].stem}.png": encoded(PICTURES[3].pixels[:32] // 100)})
    masks = unet(PICTURES[:3], PICTURES[3:], PICTURES[:1]) | {"masks/val.tar.gz": small}
    with pytest.raises(DatasetInvalidError, match=r"masks/val\.tar\.gz/0_0003\.png: is 96 x 32, .* 96 x 64"):
        pulled("segmentation", "unet", masks)
