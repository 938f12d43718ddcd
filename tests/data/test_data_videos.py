"""What videos and HDF5 files are told by their heads."""

import struct

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from tests.data.looking import is_read_or_refused
from tests.data.media_files import HDF5, MP4

from tunesmith.data.errors import FileFlawError
from tunesmith.data.hdf5 import Superblock, read_superblock
from tunesmith.data.mp4 import Video, read_video
from tunesmith.data.videos import check_video


@pytest.fixture
def path(tmp_path):
    return tmp_path / "clip.mp4"


def box(kind, *content):
    data = b"".join(content)
    return struct.pack(">I4s", len(data) + 8, kind) + data


def refused(read, path, data):
    path.write_bytes(data)
    with pytest.raises(FileFlawError) as caught:
        read(path)
    return caught.value.fault


def test_the_size_and_the_length_of_a_video_are_read(path):
    path.write_bytes(MP4)
    assert read_video(path) == Video(32, 16, 0.3)


def test_long_boxes_and_a_last_box_to_the_end_are_read(path):
    start = MP4.index(b"moov") - 4
    size = struct.unpack(">I", MP4[start : start + 4])[0]
    moov = MP4[start : start + size]
    long = struct.pack(">I4sQ", 1, b"moov", len(moov) + 8) + moov[8:]
    path.write_bytes(box(b"ftyp", b"isom") + long + struct.pack(">I4s", 0, b"mdat") + b"picture")
    assert read_video(path).width == 32


@pytest.mark.parametrize("cut", [1, 100, len(MP4) - 20])
def test_videos_that_are_cut_off_are_refused(path, cut):
    assert "cut off" in refused(read_video, path, MP4[:-cut])


@pytest.mark.parametrize(
    ("data", "words"),
    [
        (b"", "is empty"),
        (b"<html>no video</html>", "is no MP4 file"),
        (box(b"ftyp", b"isom"), "no header (moov)"),
        (box(b"moov"), "but no content"),
        (box(b"moov") + box(b"mdat"), "holds no video track"),
        (MP4.replace(b"vide", b"soun"), "holds no video track"),
        (struct.pack(">I4s", 3, b"moov"), "is cut off, or is no MP4 file"),
        (struct.pack(">I4sQ", 1, b"moov", 2**64 - 1), "is cut off, or is no MP4 file"),
        (box(b"moov", box(b"mvhd", b"\0")) + box(b"mdat"), "damaged header"),
        (box(b"free") * 100_001, "too many parts"),
    ],
)
def test_what_is_no_video_is_refused(path, data, words):
    assert words in refused(read_video, path, data)


@pytest.mark.parametrize(
    ("name", "head"),
    [
        ("a.mp4", MP4),
        ("a.MOV", MP4),
        ("a.avi", b"RIFF\x10\0\0\0AVI LIST"),
        ("a.mkv", b"\x1a\x45\xdf\xa3..."),
        ("a.webm", b"\x1a\x45\xdf\xa3..."),
    ],
)
def test_each_kind_of_video_has_its_own_head(tmp_path, name, head):
    path = tmp_path / name
    path.write_bytes(head)
    check_video(path)
    assert refused(check_video, path, b"GIF89a")
    assert "is empty" in refused(check_video, path, b"")


@pytest.mark.parametrize("version", HDF5)
@pytest.mark.parametrize("user_block", [0, 512, 4096])
def test_hdf5_is_known_by_its_superblock(tmp_path, version, user_block):
    path = tmp_path / "data.h5"
    path.write_bytes(b"\0" * user_block + HDF5[version])
    assert read_superblock(path) == Superblock(version, len(HDF5[version]))


@pytest.mark.parametrize("version", HDF5)
def test_what_is_no_whole_hdf5_is_refused(tmp_path, version):
    path, whole = tmp_path / "data.h5", HDF5[version]
    assert refused(read_superblock, path, b"") == "is not an HDF5 file"
    assert refused(read_superblock, path, b"x" * 5000) == "is not an HDF5 file"
    assert refused(read_superblock, path, whole[:1000]) == "is cut off: it has 1000 of 2072 bytes"
    assert "damaged" in refused(read_superblock, path, whole[:8])
    assert "damaged" in refused(read_superblock, path, whole[:8] + b"\x09" + whole[9:])
    assert "damaged" in refused(read_superblock, path, whole[:9] + b"\x07" * 10 + whole[19:])


@settings(max_examples=150, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(
    st.lists(st.tuples(st.integers(0, len(MP4) - 1), st.integers(0, 255)), max_size=8), st.binary(max_size=60)
)
def test_damaged_files_are_read_or_refused(tmp_path, changes, anything):
    path = tmp_path / "any.mp4"
    data = bytearray(MP4)
    for place, value in changes:
        data[place] = value
    for content in (bytes(data), anything):
        path.write_bytes(content)
        assert is_read_or_refused(read_video, path)
        assert is_read_or_refused(read_superblock, path)
