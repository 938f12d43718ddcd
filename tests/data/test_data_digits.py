import sys
import tarfile

import pytest

from tunesmith.data.digits import write_digits


def members(path):
    with tarfile.open(path) as archive:
        return [member.name for member in archive if member.isfile()]


def test_the_layout_is_that_of_classification_pyt(digits_dataset):
    assert sorted(path.name for path in digits_dataset.iterdir()) == [
        "classes.txt",
        "images_test.tar.gz",
        "images_train.tar.gz",
        "images_val.tar.gz",
    ]
    assert (digits_dataset / "classes.txt").read_text().split() == list("0123456789")
    train = members(digits_dataset / "images_train.tar.gz")
    assert len(train) == 300
    assert {name.split("/")[0] for name in train} == {"images_train"}
    assert {name.split("/")[1] for name in train} == set("0123456789")


def test_splits_share_no_scan(digits_dataset):
    names = [
        name.rsplit("/", maxsplit=1)[-1]
        for split in ("train", "val", "test")
        for name in members(digits_dataset / f"images_{split}.tar.gz")
    ]
    assert len(names) == len(set(names)) == 500


def test_a_seed_gives_the_same_data(tmp_path):
    for name, seed in (("a", 1), ("b", 1), ("c", 2)):
        write_digits(tmp_path / name, train=20, val=10, test=10, seed=seed, size=28)
    train = {name: members(tmp_path / name / "images_train.tar.gz") for name in "abc"}
    assert train["a"] == train["b"] != train["c"]


def test_no_more_scans_than_there_are(tmp_path):
    with pytest.raises(ValueError, match="1797"):
        write_digits(tmp_path, train=1797, val=1, test=0)


def test_without_scikit_learn_it_says_what_to_install(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "sklearn.datasets", None)
    with pytest.raises(ModuleNotFoundError, match=r"tunesmith\[demo\]"):
        write_digits(tmp_path)
