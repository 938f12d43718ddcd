"""Large JSON files are read entry by entry, and give what reading them at once gives."""

import json

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from tests.data.looking import is_read_or_refused

from tunesmith.data import json_stream
from tunesmith.data.errors import FileFlawError
from tunesmith.data.json_lines import parse_line, read_json_lines
from tunesmith.data.json_stream import Entry, read_entries

LISTS = ("images", "annotations")
values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=4), inner, max_size=4),
    max_leaves=8,
)
keys = st.sampled_from(["images", "annotations", "info", "b", ""])
any_file = settings(
    max_examples=80, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)


@pytest.fixture
def path(tmp_path):
    return tmp_path / "annotations.json"


@pytest.fixture(params=[1, 7, 1 << 20])
def small_chunks(request, monkeypatch):
    """Reads the file in chunks of a few characters, so that every entry is cut somewhere."""
    monkeypatch.setattr(json_stream, "_CHUNK", request.param)


def put_together(path):
    whole = {}
    for entry in read_entries(path, LISTS):
        if entry.place is None:
            whole[entry.key] = entry.value
        else:
            assert len(whole.setdefault(entry.key, [])) == entry.place
            whole[entry.key].append(entry.value)
    return whole


@any_file
@given(st.dictionaries(keys, values, max_size=4), st.sampled_from([None, 1]), st.booleans())
def test_the_entries_are_those_of_the_file(path, small_chunks, whole, indent, plain):
    path.write_text(json.dumps(whole, indent=indent, ensure_ascii=plain), encoding="utf-8", errors="replace")
    again = json.loads(path.read_text(encoding="utf-8"))
    found = put_together(path)
    assert found == {key: value for key, value in again.items() if value != [] or key not in LISTS}


def test_lists_come_one_by_one_and_other_values_whole(path):
    path.write_text('\ufeff{"info": [1, 2], "images": [{"id": 1}, 5], "annotations": null}')
    assert list(read_entries(path, LISTS)) == [
        Entry("info", None, [1, 2]),
        Entry("images", 0, {"id": 1}),
        Entry("images", 1, 5),
        Entry("annotations", None, None),
    ]


@pytest.mark.parametrize(
    ("data", "fault"),
    [
        (b"[1]", "does not begin with {"),
        (b"", "does not begin with {"),
        (b'{"images": [1, 2', "is not JSON after images[1]: it is cut off"),
        (b'{"images": [{"id": 1}, {"id"', "is not JSON in images[1]"),
        (b'{"images": [1 2]}', "is not JSON after images[0]: no , where one is expected"),
        (b'{"images": [1],}', "is not JSON after 'images'"),
        (b'{"images": [], "images": []}', "has the key 'images' twice"),
        (b'{"images": []} {}', "goes on after the end"),
        (b'{"images": [' + b"[" * 100_000, "nested too deep"),
        (b'{"images": [1' + b"0" * 5000 + b"]}", "too many digits"),
        (b'{"images": ["\xff"]}', "is not UTF-8 text"),
        (b"{1: 2}", "a key that is no text"),
    ],
)
def test_flaws_are_told_with_their_place(path, small_chunks, data, fault):
    path.write_bytes(data)
    with pytest.raises(FileFlawError) as caught:
        list(read_entries(path, LISTS))
    assert fault in caught.value.fault
    assert caught.value.remedy


def test_a_missing_file_is_a_flaw(path):
    with pytest.raises(FileFlawError, match="is no file"):
        list(read_entries(path, LISTS))
    with pytest.raises(FileFlawError, match="is no file"):
        list(read_json_lines(path))


def test_a_flaw_early_in_a_large_file_is_found_without_reading_it_all(path, monkeypatch):
    monkeypatch.setattr(json_stream, "_CHUNK", 100)
    path.write_text('{"images": [{"id": nothing}, ' + "1, " * 100_000)
    chunks = []
    with pytest.raises(FileFlawError, match=r"in images\[0\]"):
        list(read_entries(path, LISTS, lambda: chunks.append(1)))
    assert len(chunks) == 1


@any_file
@given(st.binary(max_size=60) | st.text("{}[]:,\"\\u0 1-.eE'images", max_size=60).map(str.encode))
def test_any_bytes_are_read_or_refused(path, small_chunks, data):
    path.write_bytes(data)
    assert is_read_or_refused(put_together, path)


def test_lines_come_with_their_places(path):
    path.write_bytes(b'\xef\xbb\xbf{"a": 1}\r\n\n  \n{"a": 2}')
    lines = list(read_json_lines(path))
    assert [(line.number, parse_line(line, "x")["a"]) for line in lines] == [(1, 1), (4, 2)]
    assert [path.read_bytes()[line.start :][: len(line.data)] for line in lines] == [
        line.data for line in lines
    ]


def parsed(path):
    return [parse_line(line, path.name) for line in read_json_lines(path)]


@any_file
@given(st.binary(max_size=60))
def test_any_lines_are_parsed_or_refused(path, data):
    path.write_bytes(data)
    assert is_read_or_refused(parsed, path)
