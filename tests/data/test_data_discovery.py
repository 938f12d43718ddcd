"""Folders that would make a dataset, found in a listing."""

import pytest

from tunesmith.data.discovery import Wanted, find
from tunesmith.data.layouts import layouts
from tunesmith.data.types import DatasetType

IMAGES = ("images_train.tar.gz", "classes.txt")


def found(keys, *kinds, intents=()):
    chosen = [layout for pair, layout in layouts().items() if not kinds or pair in kinds or pair[0] in kinds]
    assert chosen
    return sorted(find(sorted(keys), Wanted(chosen, intents)))


PYT = ("image_classification", "classification_pyt")


def test_a_folder_counts_when_all_that_is_needed_is_there():
    keys = [f"data/whole/{name}" for name in IMAGES]
    keys += ["data/half/classes.txt", "data/deep/er/images_val.tar.gz", "data/deep/er/classes.txt"]
    keys += ["data/whole/other/notes.txt", "data/images_train.tar.gz"]
    assert found(keys, PYT) == ["data/deep/er", "data/whole"]


def test_the_use_counts_too():
    raw = ("image_classification", "raw")
    keys = ["data/a/images_test.tar.gz"]
    assert found(keys, raw, intents=["testing"]) == ["data/a"]
    assert found(keys, raw, intents=["training"]) == []


def test_files_in_folders_of_a_layout_count_for_the_folder_above():
    names = ("train_data.npy", "train_label.pkl", "val_data.npy", "val_label.pkl")
    keys = [f"data/poses/nvidia/{name}" for name in names]
    assert found(keys, DatasetType.POSE_CLASSIFICATION) == ["data/poses"]


def test_a_pattern_counts_for_the_folder_of_the_file_alone():
    keys = [f"data/videos/{number}.mp4" for number in range(1000)] + ["data/more/deep/x.mp4"]
    assert found(keys, ("maxine_dataset", "raw")) == ["data/more/deep", "data/videos"]


def test_without_a_type_each_layout_counts():
    keys = [f"data/pets/{name}" for name in IMAGES]
    keys += ["data/faces/data.h5", "data/clouds/train.tar.gz", "data/clouds/val.tar.gz", "data/none/x.txt"]
    assert found(keys) == ["data/clouds", "data/faces", "data/pets"]


@pytest.mark.parametrize("kind", sorted({kind for kind, _ in layouts()}))
def test_every_layout_can_be_found(kind):
    for pair, layout in layouts().items():
        if pair[0] != kind:
            continue
        names = [need.any_of[0].replace("*", "x") for need in layout.needs]
        intents = layout.intents[:1]
        assert found([f"data/set/{name}" for name in names], pair, intents=intents) == ["data/set"]


def test_a_long_listing_is_never_held():
    """What is read from the listing is let go of: only the folders that the listing is in are remembered."""
    seen = 0

    def listing():
        nonlocal seen
        for folder in range(200):
            for number in range(100):
                seen += 1
                yield f"data/{folder:04}/{number:04}.jpg"
            yield f"data/{folder:04}/classes.txt"
            yield f"data/{folder:04}/images_train.tar.gz"

    first = next(find(listing(), Wanted([layouts()[PYT]])))
    assert first == "data/0000"
    assert seen <= 101
