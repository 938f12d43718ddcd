"""TFRecord files: the bytes that TensorFlow writes, read back whole or refused."""

import io

import pytest

from tunesmith.data.errors import DatasetError
from tunesmith.data.tfrecords import Feature, decode_example, encode_example, read_records, write_record


def masked(data: bytes) -> bytes:
    """The checksum of the format, bit by bit: Castagnoli's polynomial, turned by 15 bits and shifted."""
    found = 0xFFFFFFFF
    for byte in data:
        found ^= byte
        for _ in range(8):
            found = found >> 1 ^ (0x82F63B78 if found & 1 else 0)
    found ^= 0xFFFFFFFF
    turned = (found >> 15 | found << 17) & 0xFFFFFFFF
    return ((turned + 0xA282EAD8) & 0xFFFFFFFF).to_bytes(4, "little")


def test_a_record_has_the_bytes_of_the_format():
    file = io.BytesIO()
    write_record(file, b"hello")
    length = (5).to_bytes(8, "little")
    assert file.getvalue() == length + masked(length) + b"hello" + masked(b"hello")


def test_an_example_has_the_bytes_of_its_message():
    # Features { feature { key: "a" value { int64_list { value: [3, 300] } } } }
    wanted = bytes.fromhex("0a0e0a0c0a016112071a050a0303ac02")
    assert encode_example({"a": [3, 300]}) == wanted


def test_features_come_back():
    features: dict[str, Feature] = {
        "bytes": b"one",
        "many": [b"a", b"b"],
        "whole": 7,
        "none": [],
        "fractions": [0.5, 2.0],
    }
    found = decode_example(encode_example(features, ["fractions", "empty"]))
    assert found == {
        "bytes": [b"one"],
        "many": [b"a", b"b"],
        "whole": [7],
        "none": [],
        "fractions": [0.5, 2.0],
    }


def test_damaged_files_are_refused(tmp_path):
    path = tmp_path / "a.tfrecord"
    with path.open("wb") as file:
        for record in (b"first", b"second"):
            write_record(file, record)
    whole = path.read_bytes()
    assert list(read_records(path)) == [b"first", b"second"]
    for damaged in (whole[:-1], whole[:30], whole.replace(b"second", b"sekond"), b"\1" + whole[1:]):
        path.write_bytes(damaged)
        with pytest.raises(DatasetError, match=r"a\.tfrecord is damaged"):
            list(read_records(path))
    path.write_bytes(b"")
    assert list(read_records(path)) == []
