"""Lists of medical volumes: the files that they name, and the volumes' headers."""

import gzip
import json
import struct

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from tests.data.looking import errors, is_read_or_refused, look, warnings
from tests.data.pet_data import archive, png

from tunesmith.data.errors import FileFlawError
from tunesmith.data.medical import Study, read_studies
from tunesmith.data.nifti import Volume, read_volume


def nifti(*shape, order="<", version=1):
    """A volume of 16 bit voxels."""
    voxels = b"\0\1" * (shape[0] * shape[1] * shape[2])
    dims = (3, *shape, 1, 1, 1, 1)
    if version == 1:
        head = bytearray(352)
        struct.pack_into(f"{order}i", head, 0, 348)
        struct.pack_into(f"{order}8h", head, 40, *dims)
        struct.pack_into(f"{order}2h", head, 70, 4, 16)
        struct.pack_into(f"{order}f", head, 108, 352)
        struct.pack_into("4s", head, 344, b"n+1\0")
    else:
        head = bytearray(544)
        struct.pack_into(f"{order}i8s2h8q", head, 0, 540, b"n+2\0\r\n\x1a\n", 4, 16, *dims)
        struct.pack_into(f"{order}q", head, 168, 544)
    return bytes(head) + voxels


SCAN, MASK = gzip.compress(nifti(4, 5, 6)), nifti(4, 5, 6)
DATALIST = {
    "training": [{"image": "imagesTr/1.nii.gz", "label": "./labelsTr/1.nii"}, {"image": "imagesTr/2.nii.gz"}],
    "testing": ["imagesTs/3.nii.gz"],
}
FILES = {
    "dataset.json": json.dumps(DATALIST).encode(),
    "imagesTr/1.nii.gz": SCAN,
    "imagesTr/2.nii.gz": SCAN,
    "imagesTs/3.nii.gz": SCAN,
    "labelsTr/1.nii": MASK,
}


@pytest.fixture
def report(tmp_path):
    def run(files=FILES, intents=("training",)):
        return look(tmp_path, "user_custom", "monai", files, intents)

    return run


@pytest.mark.shows("dataset user_custom/monai")
def test_a_whole_list_is_counted(report):
    found = report()
    assert found.findings == ()
    assert found.counts["studies"] == {"training": 2, "testing": 1}
    assert found.counts == found.counts | {"labelled": 1, "volumes": 4, "decoded": 0}


def test_the_manifest_of_an_object_store_is_read(report):
    data = [
        {"image": {"id": "1", "path": ["a/1.dcm", "a/2.dcm"]}, "label": {"id": "2", "path": ["a/mask.png"]}}
    ]
    manifest = {"root_path": "https://store.example/set", "data": data}
    files = {
        "manifest.json": json.dumps(manifest).encode(),
        "a/1.dcm": b"1",
        "a/2.dcm": b"2",
        "a/mask.png": png(),
    }
    found = report(files)
    assert found.findings == ()
    assert found.counts == found.counts | {"studies": {"data": 1}, "labelled": 1, "decoded": 1}


def test_volumes_may_be_in_an_archive(report):
    members = {f"Task01/{name}": data for name, data in FILES.items() if name != "dataset.json"}
    found = report({"dataset.json": FILES["dataset.json"], "Task01.tar": archive(members)})
    assert found.findings == ()


def test_volumes_that_are_not_there_are_named(report):
    files = {name: data for name, data in FILES.items() if not name.startswith("labelsTr")}
    assert errors(report(files)) == [
        ("dataset.json", "names './labelsTr/1.nii', which the dataset does not hold")
    ]


def test_labels_must_lie_on_the_grid_of_their_image(report):
    assert errors(report(FILES | {"labelsTr/1.nii": nifti(4, 5, 7)})) == [
        ("./labelsTr/1.nii", "has (4, 5, 7) voxels, and its image imagesTr/1.nii.gz has (4, 5, 6)")
    ]


def test_a_list_without_labels_serves_some_networks_alone(report):
    files = FILES | {"dataset.json": json.dumps({"training": ["imagesTr/1.nii.gz"]}).encode()}
    assert warnings(report(files))[0][1].startswith("names no label")


@pytest.mark.parametrize(
    ("data", "words"),
    [
        (b"{", "is not JSON"),
        (b"[]", "is no list of studies"),
        (b'{"training": []}', "names no image"),
        (b'{"training": [{"label": "1.nii"}]}', "an entry of training without an image"),
        (b'{"data": [{"image": {"path": [3]}}]}', "an entry of data without an image"),
    ],
)
def test_lists_that_are_none_are_errors(report, data, words):
    ((file, message),) = errors(report({"dataset.json": data}))
    assert file == "dataset.json"
    assert words in message


def test_labels_may_be_classes(tmp_path):
    (tmp_path / "dataset.json").write_text('{"training": [{"image": ["a.nii", "b.nii"], "label": 1}]}')
    assert read_studies(tmp_path / "dataset.json") == [Study("training", ("a.nii", "b.nii"), ())]


@pytest.mark.parametrize("order", "<>")
@pytest.mark.parametrize("version", [1, 2])
def test_headers_of_each_kind_are_read(tmp_path, order, version):
    data = nifti(2, 3, 4, order=order, version=version)
    (tmp_path / "a.nii").write_bytes(data)
    (tmp_path / "a.NII.GZ").write_bytes(gzip.compress(data))
    for path in tmp_path.iterdir():
        assert read_volume(path) == Volume((2, 3, 4), len(data))


def test_volumes_of_several_compressed_parts_are_whole(tmp_path):
    path = tmp_path / "a.nii.gz"
    path.write_bytes(gzip.compress(MASK[:400]) + gzip.compress(MASK[400:]))
    assert read_volume(path).shape == (4, 5, 6)


@pytest.mark.parametrize(
    ("name", "data"),
    [
        ("a.nii", b""),
        ("a.nii", b"x" * 1000),
        ("a.nii", MASK[:-1]),
        ("a.nii", MASK[:40] + b"\xff" * 16 + MASK[56:]),
        ("a.nii.gz", MASK),
        ("a.nii.gz", SCAN[:-9]),
        ("a.nii.gz", gzip.compress(MASK[:-1])),
        ("a.nii.gz", b""),
    ],
)
def test_volumes_that_are_none_are_refused(tmp_path, name, data):
    path = tmp_path / name
    path.write_bytes(data)
    with pytest.raises(FileFlawError, match=r"is cut off|is no (whole )?NIfTI volume|damaged header"):
        read_volume(path)


@settings(max_examples=150, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(st.lists(st.tuples(st.integers(0, 351), st.integers(0, 255)), max_size=8), st.booleans())
def test_damaged_volumes_are_read_or_refused(tmp_path, changes, compressed):
    data = bytearray(MASK)
    for place, value in changes:
        data[place] = value
    path = tmp_path / ("any.nii.gz" if compressed else "any.nii")
    path.write_bytes(gzip.compress(data) if compressed else data)
    assert is_read_or_refused(read_volume, path)
