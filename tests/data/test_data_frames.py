"""Videos as folders of frames: modalities that have the same length, and actions of both splits."""

import pytest
from tests.data.digit_images import picture
from tests.data.looking import errors, look, warnings
from tests.data.pet_data import archive
from tests.data.scene_data import videos

from tunesmith.data.errors import DatasetError
from tunesmith.data.frames import COLOURS, FLOW, FrameData


@pytest.fixture
def report(tmp_path):
    def run(files=None, **options):
        return look(tmp_path, "action_recognition", "default", files or videos(), ("training",), **options)

    return run


@pytest.mark.shows("dataset action_recognition/default")
def test_a_whole_dataset_is_counted(report, tmp_path):
    found = report()
    assert found.findings == ()
    assert found.counts["videos"] == {"train": 4, "test": 4}
    assert found.counts["classes"] == {split: {"left": 2, "right": 2} for split in ("train", "test")}
    assert found.counts["frames"] == {split: {"rgb": 20, "u": 20, "v": 20} for split in ("train", "test")}
    assert found.counts["decoded"] == 120
    (first, *_) = FrameData.open(tmp_path / "cache").usable("train", (*COLOURS, *FLOW))
    assert (first.name, first.length(("rgb", "u", "v"))) == ("left/video_0", 5)
    assert [path.name for path in first.frames["u"]] == [f"{index:06d}.png" for index in range(1, 6)]


@pytest.mark.parametrize("top", ["", "{split}/", "a/{split}/"])
def test_archives_may_have_top_folders_or_none(report, tmp_path, top):
    assert report(videos(top=top)).findings == ()
    assert FrameData.open(tmp_path / "cache").videos("test").actions() == ["left", "right"]


def test_actions_may_be_named_like_modalities(report):
    members = {f"{action}/1/rgb/{frame}.jpg": picture(frame) for action in ("u", "v") for frame in range(3)}
    found = report(dict.fromkeys(("train.tar.gz", "test.tar.gz"), archive(members)))
    assert found.findings == ()
    assert found.counts["classes"]["train"] == {"u": 1, "v": 1}


def test_frames_are_in_order_however_they_are_numbered(report, tmp_path):
    members = {f"run/1/rgb/frame{index}.png": picture(1) for index in (10, 9, 1, 100)}
    assert report(dict.fromkeys(("train.tar.gz", "test.tar.gz"), archive(members))).valid
    (video,) = FrameData.open(tmp_path / "cache").usable("train", COLOURS)
    assert [path.stem for path in video.frames["rgb"]] == ["frame1", "frame9", "frame10", "frame100"]


def test_flow_may_have_a_frame_less(report):
    gone = {f"train/left/video_0/{part}/000005.png": None for part in "uv"}
    assert report(videos(changes={"train": gone})).findings == ()


def test_modalities_of_other_lengths_are_told(report, tmp_path):
    found = report(videos(changes={"train": {"train/left/video_0/u/000005.png": None}}))
    assert warnings(found) == [
        (
            "train.tar.gz/train/left/video_0",
            "has 5 in rgb, 4 in u, 5 in v: the frames beyond the shortest are left out",
        )
    ]
    (first, *_) = FrameData.open(tmp_path / "cache").usable("train", FLOW)
    assert first.length(FLOW) == 4


def test_a_video_without_a_modality_is_left_out_there(report, tmp_path):
    found = report(
        videos(changes={"train": {f"train/left/video_0/rgb/00000{index}.png": None for index in range(1, 6)}})
    )
    assert warnings(found) == [
        ("train.tar.gz/train/left/video_0", "has no frame in rgb: it is left out where they are needed")
    ]
    data = FrameData.open(tmp_path / "cache")
    assert len(data.usable("train", COLOURS)) == 3
    assert len(data.usable("train", FLOW)) == 4


def test_colours_alone_are_enough(report, tmp_path):
    members = {f"{action}/1/rgb/{frame}.jpg": picture(frame) for action in "ab" for frame in range(3)}
    assert report(dict.fromkeys(("train.tar.gz", "test.tar.gz"), archive(members))).findings == ()
    with pytest.raises(DatasetError, match="no video with frames in folders named u, v"):
        FrameData.open(tmp_path / "cache").usable("train", FLOW)


def test_frames_outside_videos_are_left_out(report):
    found = report(
        videos(changes={"train": {"train/left/video_0/1.png": picture(1), "rgb/1.png": picture(1)}})
    )
    assert found.valid
    assert [file for file, _ in warnings(found)] == [
        "train.tar.gz/rgb/1.png",
        "train.tar.gz/train/left/video_0/1.png",
    ]


@pytest.mark.parametrize(
    "members", [{"README": b"none"}, {"left/1/u/1.png": picture(1)}, {"left/1/1.png": picture(1)}]
)
def test_a_split_without_videos_is_an_error(report, members):
    found = report(videos() | {"test.tar.gz": archive(members)})
    assert errors(found) == [("test.tar.gz", "holds no video with frames in rgb, or in u and v")]


def test_actions_must_be_those_that_are_learnt(report):
    gone = {
        f"test/left/video_{video}/{part}/00000{frame}.png": None
        for video in range(2)
        for part in ("rgb", "u", "v")
        for frame in range(1, 6)
    }
    other = {
        "test/jump/1/rgb/1.png": picture(1),
        "test/jump/1/u/1.png": picture(1),
        "test/jump/1/v/1.png": picture(1),
    }
    found = report(videos(changes={"test": {**gone, **other}}))
    assert warnings(found) == [
        ("test.tar.gz", "has the action 'jump', of which train.tar.gz has no video: it is not measured"),
        (
            "train.tar.gz",
            "has the action 'left', of which test.tar.gz has no video: it is learnt, not measured",
        ),
    ]


def test_no_action_in_common_is_an_error(report):
    found = report(videos() | {"test.tar.gz": archive({"jump/1/rgb/1.png": picture(1)})})
    assert errors(found) == [
        ("test.tar.gz", "has no action in common with train.tar.gz: nothing can be measured")
    ]
