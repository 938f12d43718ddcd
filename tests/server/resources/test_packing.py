"""An archive is planned, and then made from any byte on."""

import gzip
import hashlib
import io
import shutil
import subprocess
import tarfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tunesmith.server.jobs.packing import Archive, Member

MIB = 1 << 20


def member(name: str, content: bytes, chunk: int = 70_000) -> Member:
    def read(start: int) -> Iterator[bytes]:
        for begin in range(start, len(content), chunk):
            yield content[begin : begin + chunk]

    return Member(name, len(content), 1.5, read)


def whole(archive: Archive) -> bytes:
    return b"".join(archive.read(0, archive.size))


def unpacked(packed: bytes) -> dict[str, bytes]:
    with tarfile.open(fileobj=io.BytesIO(packed), mode="r:gz") as tar:
        return {one.name: tar.extractfile(one).read() for one in tar}  # type: ignore[union-attr]


@pytest.fixture(scope="module")
def large() -> Archive:
    """An archive of three gzip members: a file begins before the first ends, another is in two of them."""
    noise = hashlib.shake_256(b"noise").digest(MIB)
    return Archive(
        [member("a", noise * 60), member("b/ü" + "x" * 200, noise[:777_777]), member("c", noise * 80)]
    )


@settings(max_examples=50, deadline=None)
@given(sizes=st.lists(st.integers(0, 2000) | st.sampled_from([32_768, MIB - 1024, MIB - 512, MIB])))
def test_the_length_is_known_in_advance(sizes: list[int]):
    members = [member(str(number), bytes([number % 256]) * size) for number, size in enumerate(sizes)]
    archive = Archive(members)
    packed = whole(archive)
    assert len(packed) == archive.size
    assert unpacked(packed) == {one.name: b"".join(one.read(0)) for one in members}


def test_the_same_files_give_the_same_bytes_from_any_byte_on(large: Archive):
    packed = whole(large)
    assert len(packed) == large.size
    borders = [0, 1, 9, 10, 15, 64 * MIB, 64 * MIB + 10_258, 128 * MIB + 20_500, large.size - 9]
    for start in (*borders, *range(1234, large.size, 23_456_789)):
        for size in (1, 7, 3 * MIB):
            assert b"".join(large.read(start, start + size)) == packed[start : start + size], (start, size)
    assert b"".join(large.read(70 * MIB, large.size)) == packed[70 * MIB :]


def test_usual_programs_read_it(large: Archive, tmp_path: Path):
    packed = whole(large)
    assert len(gzip.decompress(packed)) % 512 == 0
    (tmp_path / "a.tar.gz").write_bytes(packed)
    if shutil.which("tar") and shutil.which("gzip"):
        subprocess.run(["gzip", "--test", "a.tar.gz"], cwd=tmp_path, check=True)
        listing = subprocess.run(["tar", "tzf", "a.tar.gz"], cwd=tmp_path, check=True, capture_output=True)
        assert len(listing.stdout.splitlines()) == 3


def test_what_lies_before_a_part_is_not_read():
    opened: list[tuple[str, int]] = []

    def silent(name: str) -> Member:
        def read(start: int) -> Iterator[bytes]:
            opened.append((name, start))
            for begin in range(start, 200 * MIB, MIB):
                yield bytes(min(MIB, 200 * MIB - begin))

        return Member(name, 200 * MIB, 1.0, read)

    archive = Archive([silent("a"), silent("b"), silent("c")])
    assert len(b"".join(archive.read(archive.size // 2, archive.size // 2 + 100))) == 100
    # The middle is byte 300 of 600 MiB; its gzip member begins at 256 MiB, in b behind two headers.
    assert opened == [("b", 56 * MIB - 1024)]


def test_it_is_made_in_small_pieces(large: Archive):
    assert max(map(len, large.read(0, 20 * MIB))) < 1.01 * MIB


@pytest.mark.parametrize("content", [b"short", b"much too long"])
def test_a_file_that_changes_meanwhile_breaks_the_archive(content: bytes):
    archive = Archive([Member("log", 8, 1.0, lambda _: iter([content]))])
    with pytest.raises(EOFError, match="log changed"):
        whole(archive)


@pytest.mark.parametrize("name", ["a/" * 150 + "ü", "x" * 300, "plain"])
def test_any_name_is_packed(name: str):
    assert unpacked(whole(Archive([member(name, b"x")]))) == {name: b"x"}


def test_a_size_beyond_octal_digits_is_announced():
    vast = 9 << 30
    archive = Archive([Member("vast", vast, 0.0, lambda _: iter([bytes(MIB)]))])
    assert archive.size > vast
    header = b"".join(archive.read(0, 10 + 5 + 3 * 512))[15:]
    assert b"size=%d\n" % vast in header
