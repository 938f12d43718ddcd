"""Checkpoints: whole or not there, and never code."""

import os
import pickle
import zipfile
from pathlib import Path

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from tunesmith.protocol import Cause
from tunesmith.storage.files import Files
from tunesmith.storage.locations import FolderStore, Location
from tunesmith.training.engine.checkpoints import (
    BEST,
    LATEST,
    PREVIOUS,
    Checkpoints,
    TornCheckpointError,
    epoch_name,
    load_checkpoint,
)
from tunesmith.training.engine.seals import TAIL_BYTES, Position, read_seal
from tunesmith.training.failures import JobError


def state(epochs, steps=0):
    return {
        "model": {"weight": torch.full((1000,), float(epochs))},
        "done": {"epochs": epochs, "steps": steps},
    }


def number_of(saved):
    return saved["done"]["epochs"]


@pytest.fixture
def results(tmp_path):
    return tmp_path / "results"


@pytest.fixture
def checkpoints(results, tmp_path):
    return Checkpoints(results, tmp_path / "aside")


def names_in(folder):
    return sorted(path.name for path in folder.iterdir())


def test_a_state_comes_back_whole(checkpoints, results):
    checkpoints.save(state(3))
    saved = load_checkpoint(results / LATEST)
    assert number_of(saved) == 3
    assert torch.equal(saved["model"]["weight"], torch.full((1000,), 3.0))


def test_other_programs_read_a_sealed_file_as_before(checkpoints, results):
    checkpoints.save(state(3))
    assert torch.load(results / LATEST, weights_only=True)["done"] == {"epochs": 3, "steps": 0}
    with zipfile.ZipFile(results / LATEST) as archive:
        assert archive.testzip() is None


def test_the_seal_tells_the_position_and_stays_with_every_name_and_copy(checkpoints, results, tmp_path):
    checkpoints.save(state(3, 17), [epoch_name(3)])
    seal = read_seal(results / LATEST)
    assert seal is not None
    assert seal.position == Position(3, 17)
    store = Location(store=FolderStore(id="w", path=tmp_path))
    Files(store, {}).upload(results / LATEST, "published/x.pth")
    Files(store, {}).download("published/x.pth", tmp_path / "fetched.pth")
    assert read_seal(results / epoch_name(3)) == read_seal(tmp_path / "fetched.pth") == seal
    assert number_of(load_checkpoint(tmp_path / "fetched.pth")) == 3


def test_names_given_with_a_state_stay_when_the_latest_moves_on(checkpoints, results):
    checkpoints.save(state(1), [epoch_name(1), BEST])
    assert (results / LATEST).samefile(results / BEST)
    checkpoints.save(state(2))
    found = {path.name: number_of(load_checkpoint(path)) for path in results.iterdir()}
    assert found == {LATEST: 2, BEST: 1, "model_epoch_001.pth": 1}


def test_keeping_a_name_twice_leaves_no_part_behind(checkpoints, results):
    checkpoints.save(state(1), [BEST])
    checkpoints.keep(LATEST, BEST)
    assert names_in(results) == [BEST, LATEST]


def test_a_file_system_without_links_gets_copies(checkpoints, results, monkeypatch):
    def refuse(*_):
        raise PermissionError

    monkeypatch.setattr(os, "link", refuse)
    checkpoints.save(state(1), [BEST])
    assert number_of(load_checkpoint(results / BEST)) == 1
    assert not (results / LATEST).samefile(results / BEST)
    assert names_in(results) == [BEST, LATEST]


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    folder = tmp_path_factory.mktemp("whole")
    Checkpoints(folder, folder / "aside").save(state(1, 2))
    return (folder / LATEST).read_bytes()


def damaged(data, folder):
    path = folder / "damaged.pth"
    path.write_bytes(data)
    return path


@pytest.mark.parametrize(
    "damage",
    [
        lambda _: b"",
        lambda _: b"junk" * 100,
        lambda data: data + b"more",
        lambda data: data[:-1],
        lambda data: data[:-TAIL_BYTES],
        lambda data: data[: len(data) // 2],
        lambda data: data.replace(b"epochs=1", b"epochs=9"),
        lambda data: data.replace(b"steps=2", b"steps=3"),
    ],
)
def test_a_damaged_file_is_told_from_a_whole_one(whole, tmp_path, damage):
    with pytest.raises(TornCheckpointError, match=r"damaged\.pth is not a whole checkpoint"):
        load_checkpoint(damaged(damage(whole), tmp_path))


@settings(max_examples=40, deadline=None)
@given(place=st.floats(0, 1, exclude_max=True), bit=st.integers(0, 7))
def test_any_bit_that_flips_is_noticed(whole, tmp_path_factory, place, bit):
    data = bytearray(whole)
    at = int(place * len(data))
    data[at] ^= 1 << bit
    path = damaged(data, tmp_path_factory.getbasetemp())
    with pytest.raises(TornCheckpointError):
        load_checkpoint(path)


def test_a_file_without_a_seal_is_held_against_the_sums_of_its_archive(tmp_path):
    torch.save(state(4), tmp_path / "old.pth")
    assert number_of(load_checkpoint(tmp_path / "old.pth")) == 4
    data = bytearray((tmp_path / "old.pth").read_bytes())
    data[len(data) // 2] ^= 1
    with pytest.raises(TornCheckpointError):
        load_checkpoint(damaged(data, tmp_path))


def test_the_latest_gives_way_to_the_one_before_and_then_to_the_furthest(checkpoints, results, tmp_path):
    for number in (1, 2, 3):
        checkpoints.save(state(number), [epoch_name(number)])
        # Clocks jump: times must not tell which is newer.
        os.utime(results / epoch_name(number), (10 - number, 10 - number))
    checkpoints.save(state(3, 5))
    checkpoints.save(state(3, 9))
    for path in (results / LATEST, tmp_path / "aside" / PREVIOUS, results / epoch_name(3)):
        data = path.read_bytes()
        path.write_bytes(data[:500] + bytes([data[500] ^ 1]) + data[501:])
        found, torn = checkpoints.newest_whole()
        assert torn == [path]
    assert found.path == results / epoch_name(2)
    assert found.position == Position(2, 0)
    # What is torn is no result any more.
    assert names_in(results) == [epoch_name(1), epoch_name(2)]


def test_without_any_checkpoint_there_is_nothing_to_go_on_from(checkpoints):
    assert checkpoints.newest_whole() == (None, [])


@pytest.mark.parametrize("under", [BEST, epoch_name(2)])
def test_the_best_checkpoint_is_found_again_under_another_name(checkpoints, results, under):
    checkpoints.save(state(1), [BEST])
    checkpoints.save(state(2), [under])
    checkpoints.save(state(2, 5))
    assert checkpoints.restore_best(2)
    assert number_of(load_checkpoint(results / BEST)) == 2
    assert not checkpoints.restore_best(3)


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


def test_a_full_disk_ends_the_job_with_what_is_needed_and_keeps_the_old_state(checkpoints, results):
    checkpoints.save(state(1))
    (results / f"{LATEST}.part").symlink_to("/dev/full")
    large = {**state(2), "model": {"weight": torch.zeros(1_000_000)}}
    with pytest.raises(
        JobError, match=r"The checkpoint needs 4\.0 MB in .* MB are free \(No space left"
    ) as failed:
        checkpoints.save(large)
    assert failed.value.cause is Cause.STORAGE
    assert "Free some room on the server's disk" in failed.value.advice
    assert number_of(load_checkpoint(results / LATEST)) == 1
    assert names_in(results) == [LATEST]


def test_a_state_that_cannot_fit_is_not_begun(checkpoints, results, monkeypatch):
    checkpoints.save(state(1))
    monkeypatch.setattr("shutil.disk_usage", lambda _: type("Usage", (), {"free": 3999}))
    with pytest.raises(
        JobError, match=r"needs 0\.0 MB .* where 0\.0 MB are free; the one before it is whole"
    ):
        checkpoints.save(state(2))
    assert number_of(load_checkpoint(results / LATEST)) == 1
