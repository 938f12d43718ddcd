"""Frames of a camera and a lidar: lists against files, calibrations, labels."""

import numpy as np
import pytest
from tests.data.looking import errors, look, warnings
from tests.data.pet_data import png
from tests.data.spatial_data import CALIBRATION, CAR, kitti

from tunesmith.data.bevfusion import BevfusionData
from tunesmith.data.calibration import read_calibration
from tunesmith.data.errors import FileFlawError
from tunesmith.data.kitti3d import read_objects


@pytest.fixture
def report(tmp_path):
    def run(changes=(), intents=(), top=True):
        return look(tmp_path, "bevfusion", "default", kitti(top, dict(changes)), intents)

    return run


@pytest.mark.shows("dataset bevfusion/default")
def test_a_whole_dataset_is_counted(report):
    found = report()
    assert found.findings == ()
    assert found.counts["frames"] == {"train": 3, "val": 1, "test": 2}
    assert found.counts["objects"] == {"train": {"Pedestrian": 3}, "val": {"Pedestrian": 1}}
    assert (found.counts["read"], found.counts["decoded"]) == (6, 6)


@pytest.mark.parametrize("top", [True, False])
def test_frames_are_found_with_a_top_folder_or_without(report, tmp_path, top):
    assert report(top=top).findings == ()
    data = BevfusionData.open(tmp_path / "cache")
    assert [frame.name for frame in data.frames("train")] == ["000000", "000001", "000002"]
    assert [frame.labels for frame in data.frames("test")] == [None, None]


@pytest.mark.parametrize(
    "part", ["image_2/000001.png", "velodyne/000001.bin", "calib/000001.txt", "label_2/000001.txt"]
)
def test_listed_frames_need_all_their_files(report, part):
    folder = part.split("/", maxsplit=1)[0]
    found = report({f"training/{part}": None})
    assert errors(found) == [
        (f"training.tar.gz/{folder}", "has no file '000001', which train.txt names"),
    ]


def test_files_that_no_list_names_are_left_out_with_a_warning(report):
    found = report({"ImageSets/train.txt": b"000000\n000001\n"})
    assert found.valid
    assert warnings(found) == [
        ("training.tar.gz/velodyne", "holds '000002', which no list of ImageSets names: it is left out")
    ]


def test_a_file_without_a_point_cloud_is_left_out_with_a_warning(report):
    found = report({"training/image_2/000009.png": png()})
    assert found.valid
    assert "of which velodyne has no point cloud" in warnings(found)[0][1]


def test_frames_in_two_lists_are_pointed_out(report):
    found = report({"ImageSets/val.txt": b"000002\n000003\n"})
    assert warnings(found) == [
        ("ImageSets.tar.gz", "1 frames are in train.txt and in val.txt: what is measured on them is too good")
    ]


@pytest.mark.parametrize(
    ("intents", "missing", "valid"),
    [
        (["training"], "val", False),
        (["evaluation"], "train", True),
        (["testing"], "test", False),
        (["training"], "test", True),
        ([], "test", True),
        ([], "train", False),
    ],
)
def test_the_lists_that_the_use_needs_must_be_there(report, intents, missing, valid):
    found = report({f"ImageSets/{missing}.txt": None}, intents)
    assert found.valid is valid
    assert f"{missing}.txt that names a frame" in found.findings[0].message


def test_frames_that_are_labelled_with_nothing_cannot_be_learnt_from(report):
    found = report({f"training/label_2/{index:06}.txt": b"" for index in range(3)})
    assert errors(found) == [("training.tar.gz", "labels no object in the frames of train.txt")]


@pytest.mark.parametrize(
    ("old", "new", "words"),
    [
        ("P2: 700", "P2: 0", "focal length"),
        ("P2:", "P9:", "has no P2"),
        ("R0_rect: 1 ", "R0_rect: ", "8 numbers in R0_rect, not 9"),
        ("R0_rect: 1 ", "R0_rect: nan ", "value in R0_rect that is no number"),
        ("R0_rect: 1 ", "R0_rect: 2 ", "in R0_rect something else than a rotation"),
        ("Tr_velo_to_cam: 0 -1", "Tr_velo_to_cam: 0 1", "in Tr_velo_to_cam something else than a rotation"),
    ],
)
def test_calibrations_that_cannot_be_are_errors(report, old, new, words):
    broken = CALIBRATION.replace(old, new).encode()
    ((file, message),) = errors(report({"training/calib/000001.txt": broken}))
    assert file == "training.tar.gz/training/calib/000001.txt"
    assert words in message


def test_broken_images_and_labels_are_named(report):
    found = report({"testing/image_2/000000.png": b"no", "training/label_2/000000.txt": b"Car"})
    assert errors(found) == [
        (
            "training.tar.gz/training/label_2/000000.txt",
            "has 1 columns in line 1, not a class and 14 or 15 numbers",
        ),
        ("testing.tar.gz/testing/image_2/000000.png", "is not an image of a known kind"),
    ]


def test_points_go_to_the_camera_and_back(tmp_path):
    path = tmp_path / "calib.txt"
    path.write_text(CALIBRATION)
    calibration = read_calibration(path)
    ahead = np.array([[10.0, 0.0, 0.0], [10.0, -2.0, -1.0]])
    seen = calibration.to_camera(ahead)
    assert seen[0] == pytest.approx([0, -0.08, 9.73])
    assert calibration.to_lidar(seen) == pytest.approx(ahead)
    centre, right_and_down = calibration.to_image(seen)
    assert centre[0] == pytest.approx((600 * 9.73 + 45) / 9.733)
    assert right_and_down[0] > centre[0]
    assert right_and_down[1] > centre[1]
    assert np.isnan(calibration.to_image(-seen)).all()


def test_boxes_of_the_camera_become_boxes_of_the_lidar(tmp_path):
    (tmp_path / "calib.txt").write_text(CALIBRATION)
    (tmp_path / "label.txt").write_text(CAR)
    (car,) = read_objects(tmp_path / "label.txt")
    box = read_calibration(tmp_path / "calib.txt").lidar_box(car)
    # 12 m ahead and 2 m to the right; 1.7 m below the camera is its bottom, it is 1.5 m high, and heads away.
    assert box[:3] == pytest.approx([12.27, -2, -1.7 + 0.75 - 0.08])
    assert box[3:6] == pytest.approx([3.9, 1.6, 1.5])
    assert box[6] == pytest.approx(0, abs=0.01)


def test_a_calibration_that_is_no_text_is_refused(tmp_path):
    path = tmp_path / "calib.txt"
    path.write_bytes(b"\xff\x00")
    with pytest.raises(FileFlawError, match="is not UTF-8 text"):
        read_calibration(path)
