"""The log of a job, from wherever it is asked for."""

import shutil
import tarfile
from io import BytesIO
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from tests.server.resources.house import Lab
from tests.server.resources.running import Running

from tunesmith.protocol import Progress
from tunesmith.server.jobs import log_store
from tunesmith.server.jobs.states import Status

ODD = b"caf\xe9 \x00\xff\r 10%\r 20%\n"


@pytest.fixture
def running(lab: Lab) -> Running:
    return Running(lab).start()


def test_a_log_outlives_the_folder_that_it_was_written_in(running: Running):
    running.write(ODD).fold()
    running.write(b"more\n").finish()
    shutil.rmtree(running.folder.root)
    assert running.text == ODD + b"more\n"
    assert running.rows()[0].content == ODD + b"more\n"


def test_what_was_not_taken_yet_is_read_from_the_folder(running: Running):
    running.write(b"one\n").fold()
    assert running.write(b"two\n").text == b"one\ntwo\n"
    running.fold()
    assert running.text == b"one\ntwo\n"


def test_a_log_from_before_the_database_kept_them_is_read_from_the_folder(lab: Lab):
    old = Running(lab)
    lab.house.move(old.id, Status.RUNNING, Status.DONE)
    old.folder.root.mkdir(parents=True)
    assert old.write(ODD).text == ODD
    assert old.rows() == []


def test_an_attempt_on_the_same_machine_goes_on_behind_a_line(running: Running):
    running.write(b"one\nhalf a li").fold()
    running.write(b"ne")  # the server dies before it has taken this
    running.start().write(b"two\n").fold()
    assert running.text == b"one\nhalf a line\n--- attempt 2 ---\ntwo\n"


def test_an_attempt_on_another_machine_begins_in_an_empty_folder(running: Running, tmp_path: Path):
    running.write(b"here 1\n").fold()
    running.start("another", tmp_path / "other").write(b"there 2\n").fold()
    running.start("a third", tmp_path / "third").write(b"elsewhere 3\n").fold()
    running.start().write(b"here 4\n").finish()
    written = [b"here 1\n", b"there 2\n", b"elsewhere 3\n", b"here 4\n"]
    lines = [f"--- attempt {number} ---\n".encode() for number in (2, 3, 4)]
    assert running.text == b"".join(
        part for pair in zip(written, [*lines, b""], strict=True) for part in pair
    )


def test_what_an_older_attempt_left_on_this_disk_is_no_part_of_the_newer_one(
    running: Running, tmp_path: Path
):
    running.write(b"here\n").fold()
    running.write(b"never taken\n")
    running.start("another", tmp_path / "other").write(b"there\n").fold()
    assert running.text == b"here\n--- attempt 2 ---\nthere\n"
    running.finish()
    assert running.text == b"here\n--- attempt 2 ---\nthere\n"


def test_what_was_left_on_this_disk_is_late_and_not_lost_when_the_job_comes_back(
    running: Running, tmp_path: Path
):
    running.write(b"here\n").fold()
    running.write(b"late\n")
    running.start("another", tmp_path / "other").write(b"there\n").fold()
    running.start().write(b"here again\n").finish()
    assert running.text == (b"here\n--- attempt 2 ---\nthere\nlate\n--- attempt 3 ---\nhere again\n")


def test_a_folder_that_was_emptied_or_lost_its_end_is_read_from_where_it_is(running: Running):
    running.write(b"0123456789\n").fold()
    running.folder.log_path.write_bytes(b"0123")  # a power cut
    running.start().write(b"second\n").fold()
    running.folder.log_path.unlink()
    running.start().write(b"third\n").fold()
    assert running.text == b"0123456789\n--- attempt 2 ---\nsecond\n--- attempt 3 ---\nthird\n"


def test_a_long_log_is_there_in_full_when_the_job_is_seen_to_have_ended(
    running: Running, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(log_store, "MOST_AT_ONCE", 1000)
    text = b"".join(b"line %d\n" % number for number in range(5000))
    running.write(text).finish()
    assert running.text == text


def test_many_short_lines_make_few_rows(running: Running):
    for number in range(300):
        running.write(b"line %d of a training, as long as lines are\n" % number).fold()
    rows = running.rows()
    assert len(rows) == 2
    assert b"".join(row.content for row in rows) == running.folder.log_path.read_bytes()


def test_the_middle_of_a_log_that_has_no_end_is_dropped_and_the_log_says_so(
    running: Running, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(log_store, "KEPT_HEAD", log_store.MEBIBYTE)
    monkeypatch.setattr(log_store, "KEPT_TAIL", 2 * log_store.MEBIBYTE)
    lines = [b"%099d\n" % number for number in range(80_000)]
    for start in range(0, 80_000, 5000):
        running.write(b"".join(lines[start : start + 5000])).fold()
    running.finish()
    assert sum(len(row.content) for row in running.rows()) < 5 * log_store.MEBIBYTE
    head, said, tail = running.text.split(b"\n---")[0], *running.text.split(b" ---\n")
    assert said.endswith(b"bytes dropped: of a long log, the first and the last part are kept")
    whole = b"".join(lines)
    assert whole.startswith(head)
    assert whole.endswith(tail)
    assert len(head) >= log_store.MEBIBYTE
    assert len(tail) >= 2 * log_store.MEBIBYTE
    dropped = int(said.rsplit(b"--- ", 1)[1].split()[0].replace(b",", b""))
    assert len(head) + dropped + len(tail) == len(whole)


def test_a_download_has_the_log_too(running: Running):
    running.write(ODD).fold()
    running.write(b"not taken\n")
    reply = running.lab.ada.ask("GET", f"{running.lab.path}/jobs/{running.id}:download")
    with tarfile.open(fileobj=BytesIO(reply.content)) as archive:
        log = archive.extractfile(f"{running.id}.txt")
        assert log is not None
        assert log.read() == ODD + b"not taken\n"


def test_a_deleted_job_has_no_log_any_more(running: Running):
    running.write(b"text\n").finish()
    running.lab.ada.delete(f"{running.lab.path}/jobs/{running.id}")
    assert running.rows() == []


@settings(max_examples=20, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_whatever_happens_when_no_byte_is_lost_or_comes_twice(
    lab: Lab, tmp_path_factory: pytest.TempPathFactory, data: st.DataObject
):
    """Pieces of any size, taken at any time, with restarts and moves to other machines in between."""
    elsewhere = tmp_path_factory.mktemp("elsewhere")
    running, written, attempt = Running(lab).start(), b"", 1
    steps = st.lists(
        st.one_of(
            st.just("take"),
            st.sampled_from(["here", "there"]),
            st.binary(max_size=40),
            st.integers(1, 90_000),
        ),
        max_size=12,
    )
    for step in data.draw(steps):
        match step:
            case "take":
                running.fold()
            case str():
                running.fold()
                attempt += 1
                torn = b"\n" if written and not written.endswith(b"\n") else b""
                written += torn + f"--- attempt {attempt} ---\n".encode()
                away = step == "there"
                running.start("other" if away else None, elsewhere if away else None)
            case bytes() | int():
                piece = step if isinstance(step, bytes) else bytes(range(256)) * (step // 256 + 1)
                running.write(piece)
                written += piece
    running.report(Progress()).finish()
    if written:
        assert running.text == written
