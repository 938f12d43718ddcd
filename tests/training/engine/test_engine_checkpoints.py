"""Checkpoints: whole or not there, and never code."""

import os
import pickle
from pathlib import Path

import pytest
import torch

from tunesmith.training.engine.checkpoints import (
    BEST,
    LATEST,
    Checkpoints,
    TornCheckpointError,
    epoch_name,
    load_checkpoint,
)


def state(number):
    return {"model": {"weight": torch.full((1000,), float(number))}, "done": {"epochs": number, "steps": 0}}


def number_of(saved):
    return saved["done"]["epochs"]


def test_a_state_comes_back_whole(tmp_path):
    path = Checkpoints(tmp_path).save(state(3))
    saved = load_checkpoint(path)
    assert number_of(saved) == 3
    assert torch.equal(saved["model"]["weight"], torch.full((1000,), 3.0))


def test_kept_names_stay_when_the_latest_moves_on(tmp_path):
    checkpoints = Checkpoints(tmp_path)
    checkpoints.save(state(1))
    checkpoints.keep(epoch_name(1))
    checkpoints.keep(BEST)
    assert (tmp_path / LATEST).samefile(tmp_path / BEST)
    checkpoints.save(state(2))
    found = {path.name: number_of(load_checkpoint(path)) for path in tmp_path.iterdir()}
    assert found == {LATEST: 2, BEST: 1, "model_epoch_001.pth": 1}


def test_keeping_a_name_twice_leaves_no_part_behind(tmp_path):
    checkpoints = Checkpoints(tmp_path)
    checkpoints.save(state(1))
    checkpoints.keep(BEST)
    checkpoints.keep(BEST)
    assert sorted(path.name for path in tmp_path.iterdir()) == [BEST, LATEST]


def test_a_file_system_without_links_gets_copies(tmp_path, monkeypatch):
    def refuse(*_):
        raise PermissionError

    monkeypatch.setattr(os, "link", refuse)
    checkpoints = Checkpoints(tmp_path)
    checkpoints.save(state(1))
    assert number_of(load_checkpoint(checkpoints.keep(BEST))) == 1
    assert not (tmp_path / LATEST).samefile(tmp_path / BEST)


@pytest.mark.parametrize("damage", ["empty", "cut", "flipped", "junk"])
def test_a_damaged_file_is_told_from_a_whole_one(tmp_path, damage):
    path = Checkpoints(tmp_path).save(state(1))
    data = path.read_bytes()
    half = len(data) // 2
    path.write_bytes(
        {
            "empty": b"",
            "cut": data[:half],
            "flipped": data[:half] + bytes([data[half] ^ 1]) + data[half + 1 :],
            "junk": b"junk" * 100,
        }[damage]
    )
    with pytest.raises(TornCheckpointError, match=r"model_latest\.pth is not a whole checkpoint"):
        load_checkpoint(path)


def test_the_newest_whole_state_is_found_behind_torn_ones(tmp_path):
    checkpoints = Checkpoints(tmp_path)
    for number in (1, 2, 3):
        path = checkpoints.save(state(number))
        os.utime(path, (number, number))
        checkpoints.keep(epoch_name(number))
    checkpoints.save(state(4))
    for name in (LATEST, epoch_name(3)):
        (tmp_path / name).write_bytes(b"torn")
        os.utime(tmp_path / name, (9, 9))
    saved, torn = checkpoints.newest_whole()
    assert number_of(saved) == 2
    assert [path.name for path in torn] == [LATEST, epoch_name(3)]


def test_without_any_checkpoint_there_is_nothing_to_go_on_from(tmp_path):
    assert Checkpoints(tmp_path).newest_whole() == (None, [])


class Trap:
    """Runs code when it is unpickled."""

    def __reduce__(self):
        return (Path.touch, (Path("trapped"),))


def test_code_in_a_file_is_never_run(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    torch.save({"model": Trap()}, tmp_path / LATEST)
    with pytest.raises(TornCheckpointError):
        load_checkpoint(tmp_path / LATEST)
    (tmp_path / "raw.pth").write_bytes(pickle.dumps(Trap()))
    with pytest.raises(TornCheckpointError):
        load_checkpoint(tmp_path / "raw.pth")
    assert not (tmp_path / "trapped").exists()


def test_a_full_disk_is_an_error_of_the_disk_and_keeps_the_old_state(tmp_path):
    checkpoints = Checkpoints(tmp_path)
    checkpoints.save(state(1))
    (tmp_path / f"{LATEST}.part").symlink_to("/dev/full")
    with pytest.raises(OSError, match="No space left"):
        checkpoints.save({"model": torch.zeros(1_000_000)})
    assert number_of(load_checkpoint(tmp_path / LATEST)) == 1
