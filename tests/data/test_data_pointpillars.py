"""Sweeps of a lidar and their labels: what may stand in a PointPillars dataset, and what is said about it."""

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from tests.data.looking import errors, is_read_or_refused, look, warnings
from tests.data.pet_data import archive
from tests.data.spatial_data import CAR, CARE, pointpillars, sweep

from tunesmith.data.kitti3d import read_objects
from tunesmith.data.lidar import read_points
from tunesmith.data.pointpillars import PointPillarsData


@pytest.fixture
def report(tmp_path):
    def run(files=None, intents=("training",), **options):
        return look(tmp_path, "pointpillars", "default", files or pointpillars(), intents, **options)

    return run


@pytest.mark.shows("dataset pointpillars/default")
def test_a_whole_dataset_is_counted(report):
    found = report()
    assert found.findings == ()
    assert found.counts["sweeps"] == {"train": 3, "val": 3}
    assert found.counts["objects"] == {"train": {"Car": 3}, "val": {"Car": 3}}
    assert found.counts["read"] == 6


@pytest.mark.parametrize("top", ["", "train/", "kitti/training/"])
def test_archives_may_have_top_folders_or_none(report, tmp_path, top):
    assert report(pointpillars(top)).valid
    sweeps = PointPillarsData.open(tmp_path / "cache").sweeps("train")
    assert [one.name.rsplit("/", 1)[-1] for one in sweeps] == ["0", "1", "2"]
    assert read_points(sweeps[0].points).shape == (50, 4)
    (car,) = read_objects(sweeps[0].labels)
    assert (car.name, car.size, car.location, car.rotation) == ("Car", (1.5, 1.6, 3.9), (2, 1.7, 12), -1.57)


def test_drives_may_number_their_sweeps_alike(report, tmp_path):
    members = {
        f"{drive}/{name}": data
        for drive in ("a", "b")
        for name, data in {"lidar/0.bin": sweep(), "label/0.txt": CAR.encode()}.items()
    }
    assert report({"train.tar.gz": archive(members), "val.tar.gz": archive(members)}).findings == ()
    sweeps = PointPillarsData.open(tmp_path / "cache").sweeps("val")
    assert [one.name for one in sweeps] == ["a/0", "b/0"]


def test_both_archives_are_needed(report):
    assert errors(report({"train.tar.gz": b""})) == [("val.tar.gz", "is missing")]


def test_names_must_match_in_both_directions(report):
    found = report(pointpillars(changes={"lidar/1.bin": None, "label/2.txt": None}))
    assert errors(found) == [
        ("train.tar.gz/lidar/2.bin", "has no label"),
        ("val.tar.gz/lidar/2.bin", "has no label"),
    ]
    assert warnings(found)[0] == ("train.tar.gz/label/1.txt", "has no point cloud and is left out")


def test_an_archive_without_sweeps_is_an_error(report):
    found = report(pointpillars() | {"val.tar.gz": archive({"readme.md": b"hello"})})
    assert errors(found) == [("val.tar.gz", "holds no point cloud")]


def test_a_split_in_which_nothing_is_labelled_is_an_error(report):
    changes = {f"label/{index}.txt": CARE.encode() for index in range(3)}
    found = report(pointpillars(changes=changes))
    assert errors(found)[0] == ("train.tar.gz", "labels no object at all")


def test_a_sweep_without_objects_is_a_warning(report):
    found = report(pointpillars(changes={"label/1.txt": b"\n"}))
    assert found.valid
    assert "teaches the background alone" in warnings(found)[0][1]


def test_classes_that_are_only_measured_are_pointed_out(report):
    files = pointpillars()
    files["val.tar.gz"] = pointpillars(changes={"label/0.txt": CAR.replace("Car", "Van").encode()})[
        "val.tar.gz"
    ]
    assert warnings(report(files)) == [
        ("val.tar.gz", "labels 1 of the class 'Van', of which train.tar.gz has none")
    ]


NAN = np.array([[np.nan, 0, 0, 0], [1, 1, 1, 0.5]], "<f4").tobytes()


@pytest.mark.parametrize(
    ("points", "words"),
    [
        (b"", "is empty"),
        (sweep()[:-3], "is no multiple of 16"),
        (NAN[:16], "no point whose values are all numbers"),
        (np.random.default_rng(0).uniform(-40, 40, (50, 4)).astype("<f8").tobytes(), "points beyond 10 km"),
        (np.arange(1, 201, dtype="<i4").tobytes(), "within a millimetre"),
        (np.random.default_rng(0).uniform(-40, 40, (50, 4)).astype(">f4").tobytes(), "points beyond 10 km"),
    ],
)
def test_points_that_are_none_are_errors(report, points, words):
    found = report(pointpillars(changes={"lidar/0.bin": points}))
    (file, message), _ = errors(found)
    assert file == "train.tar.gz/lidar/0.bin"
    assert words in message


def test_points_without_values_are_dropped_with_a_warning(report, tmp_path):
    found = report(pointpillars(changes={"lidar/0.bin": NAN}))
    assert found.valid
    assert "1 points whose values are no numbers" in warnings(found)[0][1]
    first = PointPillarsData.open(tmp_path / "cache").sweeps("train")[0]
    assert read_points(first.points).tolist() == [[1, 1, 1, 0.5]]


def test_intensities_of_another_scale_are_pointed_out(report):
    bright = np.array([[1, 1, 1, 255]], "<f4").tobytes()
    assert "up to 255" in warnings(report(pointpillars(changes={"lidar/0.bin": bright})))[0][1]


@pytest.mark.parametrize(
    ("label", "words"),
    [
        (b"Car 0 0 0", "has 4 columns in line 1"),
        (CAR.replace("3.90", "0").encode(), "smaller than a millimetre in line 1"),
        (CAR.replace("3.90", "-1").encode(), "smaller than a millimetre in line 1"),
        (f"{CAR}\n{CAR.replace('12.0', 'nan')}".encode(), "no (sensible) number in line 2"),
        (CAR.replace("12.0", "1e30").encode(), "no (sensible) number"),
        (CAR.replace("12.0", "far").encode(), "no (sensible) number"),
        (b"\xff\xfe\x00", "is not UTF-8 text"),
        (b"x" * 200 + CAR[3:].encode(), "not a class and 14 or 15 numbers"),
    ],
)
def test_labels_that_cannot_be_used_are_errors(report, label, words):
    found = report(pointpillars(changes={"label/0.txt": label}))
    (file, message), _ = errors(found)
    assert file == "train.tar.gz/label/0.txt"
    assert words in message


def test_scores_are_read(tmp_path):
    path = tmp_path / "0.txt"
    path.write_text(f"{CAR} 0.75\r\n\r\n{CARE}\r\n")
    (car,) = read_objects(path)
    assert car.score == 0.75


def test_large_sets_are_read_in_part_and_all_on_request(report, monkeypatch):
    monkeypatch.setattr("tunesmith.data.decoding.sample.__defaults__", (2,))
    assert report().counts["read"] == 2


def test_all_of_a_large_set_are_read_on_request(report, monkeypatch):
    monkeypatch.setattr("tunesmith.data.decoding.sample.__defaults__", (2,))
    assert report(all_images=True).counts["read"] == 6


@settings(max_examples=50, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(st.binary(max_size=400))
def test_any_bytes_are_points_and_labels_or_flaws(tmp_path, data):
    path = tmp_path / "any"
    path.write_bytes(data)
    assert is_read_or_refused(read_points, path)
    assert is_read_or_refused(read_objects, path)
