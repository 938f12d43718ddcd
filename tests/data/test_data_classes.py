import codecs

import pytest

from tunesmith.data.classes import read_classes
from tunesmith.data.errors import DatasetError


@pytest.fixture
def read(tmp_path):
    def read(data):
        (tmp_path / "classes.txt").write_bytes(data)
        return read_classes(tmp_path / "classes.txt")

    return read


@pytest.mark.parametrize(
    "data",
    [
        b"cat\ndog\n",
        b"cat\ndog",
        b"cat\r\ndog\r\n\r\n",
        b"cat\rdog\r",
        b"  cat \n\tdog\n \n\n",
        codecs.BOM_UTF8 + b"cat\ndog\n",
        codecs.BOM_UTF16_LE + "cat\ndog\n".encode("utf-16-le"),
    ],
)
def test_editors_of_all_systems_are_understood(read, data):
    assert read(data) == ("cat", "dog")


def test_names_may_have_spaces_and_any_script(read):
    assert read("polar bear\n狗\n".encode()) == ("polar bear", "狗")


def test_accents_are_the_same_however_they_are_written(read):
    assert read("cafe\u0301\n".encode()) == ("caf\u00e9",)


@pytest.mark.parametrize(
    ("data", "words"),
    [
        (b"", "holds no class"),
        (b"\n \n", "holds no class"),
        (b"cat\n\ndog\n", "line 2 is empty"),
        (b"\ncat\n", "line 1 is empty"),
        (b"cat\ndog\ncat\n", "line 3 repeats 'cat' of line 1"),
        (b"cat\nd\xf6g\n", "not UTF-8 text (byte 5)"),
    ],
)
def test_faults_are_named_with_their_line(read, data, words):
    with pytest.raises(DatasetError) as caught:
        read(data)
    assert str(caught.value).startswith("classes.txt: ")
    assert words in str(caught.value)
