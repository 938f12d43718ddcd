"""Archives of all kinds come out whole; hostile ones leave nothing behind."""

import bz2
import gzip
import io
import lzma
import os
import stat
import tarfile
import zipfile
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tunesmith.storage.archives import Limits, extract
from tunesmith.storage.errors import ArchiveError

PACKERS: dict[str, Callable[[bytes], bytes]] = {
    "plain": bytes,
    "gzip": gzip.compress,
    "bzip2": bz2.compress,
    "xz": lzma.compress,
}
CONTENT = {"images_train/cat/1.png": b"cat", "images_train/dog/ünïcode 狗.png": b"dog" * 70_000, "top": b""}


def tar_bytes(*members):
    """A tar of (name, content) or (TarInfo, content)."""
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as tar:
        for member, data in members:
            info = tarfile.TarInfo(member) if isinstance(member, str) else member
            if info.isreg():
                info.size = len(data)
            tar.addfile(info, io.BytesIO(data))
    return buffer.getvalue()


def special(name, kind, link=""):
    info = tarfile.TarInfo(name)
    info.type, info.linkname = kind, link
    return info, b""


def zip_bytes(*members):
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as whole:
        for member, data in members:
            whole.writestr(member, data)
    return buffer.getvalue()


def zip_special(name, mode):
    info = zipfile.ZipInfo(name)
    info.external_attr = mode << 16
    return info


@pytest.fixture
def unpack(tmp_path):
    """Extracts the bytes of an archive in a place of its own; gives the target folder."""
    place = tmp_path / "place"
    place.mkdir()

    def run(data, **options):
        archive = place / "images.tar.gz"
        archive.write_bytes(data)
        target = place / "out" / "images"
        extract(archive, target, **options)
        return target

    return run


def files_in(folder: Path) -> dict[str, bytes]:
    return {
        path.relative_to(folder).as_posix(): path.read_bytes() for path in folder.rglob("*") if path.is_file()
    }


def refused(unpack, tmp_path, data, match, **options):
    with pytest.raises(ArchiveError, match=match) as caught:
        unpack(data, **options)
    assert caught.value.archive == "images.tar.gz"
    assert list(files_in(tmp_path)) == ["place/images.tar.gz"]  # nothing of it is left, nowhere


@pytest.mark.parametrize("packer", PACKERS)
def test_tars_of_all_compressions_are_told_by_their_content(unpack, packer):
    assert files_in(unpack(PACKERS[packer](tar_bytes(*CONTENT.items())))) == CONTENT


def test_zips_are_told_by_their_content(unpack):
    assert files_in(unpack(zip_bytes(*CONTENT.items()))) == CONTENT


def test_the_report_counts(tmp_path):
    (tmp_path / "a").write_bytes(
        tar_bytes(("x/1", b"123"), ("x/2", b"45"), special("x/empty", tarfile.DIRTYPE))
    )
    seen: list[int] = []
    report = extract(tmp_path / "a", tmp_path / "out", on_bytes=seen.append)
    assert (report.files, report.total_bytes) == (2, 5)
    assert sum(seen) == 5
    assert (tmp_path / "out" / "x" / "empty").is_dir()


def test_a_leading_dot_is_harmless(unpack):
    data = tar_bytes(special("./", tarfile.DIRTYPE), ("./a/./b", b"1"))
    assert files_in(unpack(data)) == {"a/b": b"1"}


def test_backslashes_in_zips_are_folders(unpack):
    assert files_in(unpack(zip_bytes(("a\\b.txt", b"1")))) == {"a/b.txt": b"1"}


def test_links_within_the_archive_work(unpack):
    folder = unpack(
        tar_bytes(
            ("data/a", b"1"),
            special("data/soft", tarfile.SYMTYPE, "../data/a"),
            special("data/hard", tarfile.LNKTYPE, "data/a"),
        )
    )
    assert files_in(folder) == {"data/a": b"1", "data/soft": b"1", "data/hard": b"1"}


OUTSIDE = [
    ("/etc/evil", "absolute"),
    ("../evil", "plain relative path"),
    ("a/../../evil", "plain relative path"),
    ("a//b", "plain relative path"),
    ("bad\nname", "plain relative path"),
]


@pytest.mark.parametrize(("name", "match"), OUTSIDE)
def test_names_that_lead_out_are_refused(unpack, tmp_path, name, match):
    refused(unpack, tmp_path, tar_bytes(("good", b"1"), (name, b"evil")), match)
    refused(unpack, tmp_path, zip_bytes(("good", b"1"), (name, b"evil")), match)


@pytest.mark.parametrize("link", ["/etc", "..", "../../x", "nowhere", "self", "\0"])
def test_links_that_lead_out_or_nowhere_are_refused(unpack, tmp_path, link):
    refused(unpack, tmp_path, tar_bytes(("good", b"1"), special("self", tarfile.SYMTYPE, link)), "link")
    symlink = zip_special("self", stat.S_IFLNK | 0o777)
    refused(unpack, tmp_path, zip_bytes(("good", b"1"), (symlink, link)), "link")


def test_a_link_never_redirects_what_comes_behind_it(unpack, tmp_path):
    (tmp_path / "victim").mkdir()
    evil = tar_bytes(special("way", tarfile.SYMTYPE, str(tmp_path / "victim")), ("way/evil", b"1"))
    refused(unpack, tmp_path, evil, "way")


def test_a_link_never_redirects_another_link(unpack, tmp_path):
    links = special("way", tarfile.SYMTYPE, "../.."), special("way/evil", tarfile.SYMTYPE, "images.tar.gz")
    refused(unpack, tmp_path, tar_bytes(*links), "twice")
    refused(unpack, tmp_path, tar_bytes(*reversed(links)), "twice")


@pytest.mark.parametrize("link", ["/etc/passwd", "../../../etc/passwd", "not/there"])
def test_hard_links_to_the_outside_are_refused(unpack, tmp_path, link):
    refused(unpack, tmp_path, tar_bytes(special("x", tarfile.LNKTYPE, link)), "link|plain|absolute")


@pytest.mark.parametrize("kind", [tarfile.CHRTYPE, tarfile.BLKTYPE, tarfile.FIFOTYPE])
def test_devices_are_refused(unpack, tmp_path, kind):
    refused(unpack, tmp_path, tar_bytes(special("dev", kind)), "device")


def test_devices_in_zips_are_refused(unpack, tmp_path):
    refused(unpack, tmp_path, zip_bytes((zip_special("dev", stat.S_IFIFO | 0o600), b"")), "device")


@pytest.mark.parametrize("pack", [tar_bytes, zip_bytes])
@pytest.mark.filterwarnings("ignore:Duplicate name")
def test_members_that_come_twice_are_refused(unpack, tmp_path, pack):
    refused(unpack, tmp_path, pack(("a", b"1"), ("a", b"2")), "twice")
    refused(unpack, tmp_path, pack(("a", b"1"), ("a/b", b"2")), "file and a folder")
    refused(unpack, tmp_path, pack(("a/b", b"1"), ("a", b"2")), "file and a folder")


def test_bombs_are_refused_by_size_count_and_ratio(unpack, tmp_path):
    bomb = gzip.compress(tar_bytes(("zeros", bytes(3_000_000))))
    refused(unpack, tmp_path, bomb, "more than 1000000 bytes", limits=Limits(total_bytes=1_000_000))
    refused(unpack, tmp_path, bomb, "100 times", limits=Limits(ratio=100, ratio_from=1_000_000))
    many = tar_bytes(*((f"f{index}", b"") for index in range(11)))
    refused(unpack, tmp_path, many, "more than 10 files", limits=Limits(files=10))
    assert files_in(unpack(bomb)) == {"zeros": bytes(3_000_000)}


def test_a_size_that_is_a_lie_is_refused_before_anything_is_written(unpack, tmp_path):
    info = tarfile.TarInfo("huge")
    info.size = 1 << 50
    refused(unpack, tmp_path, info.tobuf(tarfile.GNU_FORMAT) + b"1" * 512, "more than")


def test_a_giant_header_is_refused(unpack, tmp_path):
    info = tarfile.TarInfo("pax")
    info.type, info.size = tarfile.XHDTYPE, 1 << 33
    refused(unpack, tmp_path, info.tobuf(tarfile.GNU_FORMAT) + bytes(4096), "header")


@pytest.mark.parametrize("data", [b"", b"PK\x03\x04 not really", b"\x1f\x8b\x08 neither", b"text\n" * 999])
def test_what_is_no_archive_is_refused(unpack, tmp_path, data):
    refused(unpack, tmp_path, data, "empty|not a whole")


@pytest.mark.parametrize("packer", PACKERS)
def test_truncated_and_damaged_tars_are_refused(unpack, tmp_path, packer):
    noise = os.urandom(200_000)
    whole = PACKERS[packer](tar_bytes(("a", noise), ("b", noise)))
    refused(unpack, tmp_path, whole[: len(whole) // 2], "not a whole|ends in the middle")
    if packer != "plain":  # without a checksum nobody can tell
        damaged = bytearray(whole)
        damaged[len(whole) // 2] ^= 0xFF
        refused(unpack, tmp_path, bytes(damaged), "not a whole|ends in the middle")


def test_a_damaged_header_is_not_taken_for_the_end(unpack, tmp_path):
    whole = bytearray(tar_bytes(("a", b"1"), ("b", b"2")))
    whole[1024 + 148] ^= 0xFF  # the checksum in the header of b
    refused(unpack, tmp_path, bytes(whole), "damaged header")


def test_damaged_and_encrypted_zips_are_refused(unpack, tmp_path):
    noise = os.urandom(5000)
    whole = bytearray(zip_bytes(("a", noise)))
    refused(unpack, tmp_path, bytes(whole[:2000]), "not a whole")
    whole[2000] ^= 0xFF
    refused(unpack, tmp_path, bytes(whole), "not a whole")
    locked = bytearray(zip_bytes(("a", noise)))
    locked[6] |= 1
    locked[locked.rindex(b"PK\x01\x02") + 8] |= 1
    refused(unpack, tmp_path, bytes(locked), "encrypted")


def test_a_name_too_long_is_refused(unpack, tmp_path):
    refused(unpack, tmp_path, tar_bytes(("x" * 300, b"1")), "too long")


def test_a_target_that_is_there_is_left_alone(unpack):
    target = unpack(tar_bytes(("a", b"1")))
    with pytest.raises(FileExistsError):
        unpack(tar_bytes(("a", b"2")))
    assert files_in(target) == {"a": b"1"}


def test_an_extraction_that_stops_leaves_nothing_and_can_be_repeated(tmp_path):
    (tmp_path / "a.tar").write_bytes(tar_bytes(("1", b"1"), ("2", b"2")))

    def stop(_count):
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        extract(tmp_path / "a.tar", tmp_path / "out", on_bytes=stop)
    assert list(files_in(tmp_path)) == ["a.tar"]
    (tmp_path / ".out.extracting").mkdir()
    (tmp_path / ".out.extracting" / "left by a kill").write_bytes(b"")
    extract(tmp_path / "a.tar", tmp_path / "out")
    assert files_in(tmp_path / "out") == {"1": b"1", "2": b"2"}


NAMES = st.text("ab./\\~\0ü", max_size=8) | st.sampled_from(["..", "/etc/x", "a/../../x", "a/b", "link/x"])
KINDS = st.sampled_from(
    [tarfile.REGTYPE, tarfile.SYMTYPE, tarfile.LNKTYPE, tarfile.DIRTYPE, tarfile.FIFOTYPE]
)


@settings(max_examples=300, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(members=st.lists(st.tuples(NAMES, KINDS, NAMES), max_size=6))
def test_nothing_is_ever_written_outside_the_target(tmp_path_factory, members):
    place = tmp_path_factory.mktemp("place")
    outside = place / "x"
    outside.write_bytes(b"untouched")
    data = tar_bytes(*(special(*member) for member in members))
    (place / "a.tar").write_bytes(data)
    target = place / "deep" / "target"
    try:
        extract(place / "a.tar", target)
    except ArchiveError:
        assert not target.exists()
    else:
        root = target.resolve()
        for path in target.rglob("*"):
            assert path.resolve(strict=True).is_relative_to(root)
    left = {path.relative_to(place).parts[0] for path in place.rglob("*")}
    assert left == {"x", "a.tar", "deep"}
    assert [path.name for path in (place / "deep").iterdir()] in ([], ["target"])
    assert outside.read_bytes() == b"untouched"


@settings(max_examples=150, deadline=None)
@given(data=st.binary(max_size=600), kind=st.sampled_from([b"", b"PK\x03\x04", b"\x1f\x8b\x08\x00", b"BZh9"]))
def test_any_bytes_are_extracted_or_refused(tmp_path_factory, data, kind):
    place = tmp_path_factory.mktemp("place")
    (place / "a").write_bytes(kind + data)
    with suppress(ArchiveError):
        extract(place / "a", place / "out")
    assert {path.name for path in place.iterdir()} <= {"a", "out"}
