"""Small datasets of the special types, composed of handwritten digits: the files of each by name."""

import json
from collections.abc import Iterable, Mapping
from types import MappingProxyType

import numpy as np
from tests.data.digit_images import Grey, encoded, picture, scan
from tests.data.pet_data import archive

Members = dict[str, bytes]
Changes = Mapping[str, bytes | None]
NO_CHANGES: Changes = MappingProxyType({})


def changed(members: Members, changes: Changes) -> Members:
    """The members with some replaced or added, and those that are None removed."""
    merged = members | dict(changes)
    return {name: data for name, data in merged.items() if data is not None}


def class_folders(digits: Iterable[int], count: int = 2, top: str = "", first: int = 0) -> Members:
    """Images of digits in a folder each."""
    return {
        f"{top}{digit}/{index}.png": picture(digit, first + index)
        for digit in digits
        for index in range(count)
    }


def mapped(train: int = 3, val: int = 2) -> dict[str, bytes]:
    """Image classification with classmap.json."""
    return {
        "images_train.tar.gz": archive(class_folders(range(3), train, "images_train/")),
        "images_val.tar.gz": archive(class_folders(range(3), val, "images_val/", train)),
        "classmap.json": json.dumps({"2": 2, "0": 0, "1": 1}).encode(),
    }


def persons(images: int = 4, changes: Mapping[str, Changes] = MappingProxyType({})) -> dict[str, bytes]:
    """Re-identification: digits are persons, who write differently for each of two cameras.

    0 to 4 (as persons 1 to 5) are learnt, 5 to 9 are searched. Changes are by split.
    """
    found = {}
    for split, digits, first in (
        ("train", range(5), 0),
        ("test", range(5, 10), 0),
        ("query", range(5, 10), 50),
    ):
        members = {
            f"sample_{split}/{digit + 1:04d}_c{1 + index % 2}s1_{index:06d}_00.jpg": picture(
                digit, first + index, kind="JPEG"
            )
            for digit in digits
            for index in range(images)
        }
        found[f"sample_{split}.tar.gz"] = archive(changed(members, changes.get(split, NO_CHANGES)))
    return found


BASE = "metric_learning_recognition/retail-product-checkout-dataset_classification_demo"


def products(images: int = 4, top: str = "", **changes: Members) -> dict[str, bytes]:
    """Metric learning: the digits 0 to 5 are known, 6 to 9 are not. Changes: `known_val=members`."""
    found = {}
    for known, digits, parts in (
        ("known_classes", range(6), ("train", "reference", "val")),
        ("unknown_classes", range(6, 10), ("train", "reference", "test")),
    ):
        for place, part in enumerate(parts):
            members = class_folders(digits, images, top.format(part=part), place * images)
            members = changes.get(f"{known.split('_')[0]}_{part}", members)
            found[f"{BASE}/{known}/{part}.tar.gz"] = archive(members)
    return found


def word_image(word: str, first: int = 0, size: int = 16) -> Grey:
    """Digits beside one another."""
    return np.hstack([scan(int(digit), first + place, size) for place, digit in enumerate(word)])


WORDS = ("31", "415", "926", "5358", "979")


def words(words: Iterable[str] = WORDS, split: str = "train", listed: str = "gt_new.txt") -> dict[str, bytes]:
    """Text recognition: numbers. With gt.txt as the list its lines are of the older kind."""
    members: Members = {}
    lines = []
    for index, word in enumerate(words):
        members[f"{split}/word_{index}.png"] = encoded(word_image(word, index))
        line = f"word_{index}.png\t{word}" if listed == "gt_new.txt" else f'word_{index}.png, "{word}"'
        lines.append(line)
    members[f"{split}/{listed}"] = "".join(f"{line}\n" for line in lines).encode()
    return {
        f"{split}.tar.gz": archive(members),
        "character_list": b"".join(b"%d\n" % one for one in range(10)),
    }


def squares(
    count: int = 4, size: int = 16, labels: object = True, changes: Changes = NO_CHANGES
) -> dict[str, bytes]:
    """Image generation: digits 0 to 2. `labels` is what dataset.json holds; None: there is none."""
    members = {
        f"images/{digit}_{index}.png": picture(digit, index, size)
        for digit in range(3)
        for index in range(count)
    }
    names = [[name.removeprefix("images/"), int(name[7])] for name in members]
    if labels is not None:
        members["images/dataset.json"] = json.dumps({"labels": names if labels is True else labels}).encode()
    return {"images.tar.gz": archive(changed(members, changes))}
