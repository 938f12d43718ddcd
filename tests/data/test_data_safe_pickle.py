"""Pickles of strangers: data are read, programs are refused, and nothing is ever run."""

import os
import pickle
import pickletools
import struct
import tracemalloc
from contextlib import suppress

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tunesmith.data import safe_pickle
from tunesmith.data.errors import FileFlawError
from tunesmith.data.pickled_numpy import RefusedPickleError
from tunesmith.data.safe_pickle import loads, read_pickle

PROTOCOLS = range(pickle.HIGHEST_PROTOCOL + 1)


def refused(data: bytes) -> str:
    with pytest.raises(RefusedPickleError) as caught:
        loads(data)
    return str(caught.value)


@pytest.mark.parametrize("protocol", PROTOCOLS)
def test_names_and_labels_are_read(protocol):
    value = (["a", "日本", "x" * 300, ""], [0, 1, 300, 2**40])
    assert loads(pickle.dumps(value, protocol)) == value


@pytest.mark.parametrize("protocol", PROTOCOLS)
@pytest.mark.parametrize(
    "array",
    [
        np.arange(5),
        np.arange(6, dtype=">i4").reshape(2, 3),
        np.asfortranarray(np.arange(6, dtype=np.uint8).reshape(2, 3)),
        np.array(["a", "bc"]),
        np.zeros(0, np.int16),
        np.array([True, False]),
        np.linspace(0, 1, 3, dtype=np.float32),
    ],
)
def test_arrays_of_numbers_are_read(protocol, array):
    for found in loads(pickle.dumps((array, [array]), protocol))[0], loads(pickle.dumps(array, protocol)):
        assert found.dtype == array.dtype
        assert found.tolist() == array.tolist()


@pytest.mark.parametrize("protocol", PROTOCOLS)
def test_numbers_of_numpy_are_read_as_numbers(protocol):
    assert loads(pickle.dumps([np.int64(-3), np.float32(0.5), np.int8(7)], protocol)) == [-3, 0.5, 7]


def python_2(shape: bytes) -> bytes:
    """What Python 2.7 wrote with protocol 2 for (['a', 'b'], numpy.array([0, 1])), with another shape."""
    dtype = b"cnumpy\ndtype\nU\x02i8K\x00K\x01\x87R(K\x03U\x01<NNNJ\xff\xff\xff\xffJ\xff\xff\xff\xffK\x00tb"
    array = b"cnumpy.core.multiarray\n_reconstruct\nq\x01cnumpy\nndarray\nq\x02K\x00\x85U\x01b\x87R"
    data = b"U\x10" + struct.pack("<qq", 0, 1)
    return b"\x80\x02](U\x01aU\x01be" + array + b"(K\x01" + shape + dtype + b"\x89" + data + b"tb\x86."


def test_pickles_of_python_2_are_read():
    names, labels = loads(python_2(b"K\x02\x85"))
    assert names == ["a", "b"]
    assert labels.tolist() == [0, 1]


@settings(max_examples=100, deadline=None)
@given(
    st.recursive(
        st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text() | st.binary(),
        lambda inner: st.lists(inner) | st.lists(inner).map(tuple),
        max_leaves=20,
    ),
    st.sampled_from(PROTOCOLS),
)
def test_what_is_data_comes_back(value, protocol):
    assert loads(pickle.dumps(value, protocol)) == value


# What is refused


class Runs:
    """Its pickle calls something."""

    def __init__(self, function: object, *arguments: object) -> None:
        self._call = function, arguments

    def __reduce__(self) -> tuple[object, tuple[object, ...]]:
        return self._call


@pytest.mark.parametrize("protocol", PROTOCOLS)
@pytest.mark.parametrize(
    "function", [os.system, eval, exec, __import__, getattr, open, np.load, np.fromfile, pickle.loads]
)
def test_calls_are_refused_and_not_made(protocol, function, tmp_path):
    trace = tmp_path / "trace"
    data = pickle.dumps(([], [Runs(function, f"touch {trace}")]), protocol)
    assert "which is not read" in refused(data)
    assert not trace.exists()


def test_chains_of_calls_are_refused():
    chain = Runs(getattr, Runs(__import__, "os"), "system")
    assert refused(pickle.dumps([Runs(map, chain, ["true"])])) == "names builtins.map, which is not read"


@pytest.mark.parametrize(
    "data",
    [
        b"(S'rm -rf /'\nios\nsystem\n.",  # INST
        b"cos\nsystem\n(S'true'\ntR.",
        b"\x80\x02cos\nsystem\nX\x04\x00\x00\x00true\x85R.",
        b"\x80\x04\x8c\x05posix\x8c\x06system\x93\x8c\x04true\x85R.",
        b"\x80\x04\x8c\x02os\x8c\x06system\x93.",
        b"\x80\x02cnumpy\nndarray\n.",
        b"\x80\x02cnumpy\nndarray\n\x85.",
        b"\x80\x02cnumpy\nndarray\nK\x01\x85R.",
        b"\x80\x02cnumpy\nndarray\n)\x81.",  # NEWOBJ
        b"\x80\x02]}b.",
        b"Pevil\n.",
        b"\x82\x01.",
        b"\x80\x05\x97.",
    ],
)
def test_programs_are_refused(data):
    assert refused(data)


def test_arrays_of_objects_are_refused():
    assert "is not read" in refused(pickle.dumps(np.array([[], None], dtype=object)))


def test_other_containers_are_refused():
    assert "(EMPTY_DICT)" in refused(pickle.dumps({"a": 1}))
    assert "(EMPTY_SET)" in refused(pickle.dumps({1, 2}))


@pytest.mark.parametrize("cut", range(0, 60, 7))
def test_pickles_that_are_cut_off_are_refused(cut):
    assert refused(pickle.dumps((["abc"], list(range(20))))[:cut]) == "is not a whole pickle"


# What is made to exhaust the machine


def memory_for(data: bytes) -> tuple[str, int]:
    tracemalloc.start()
    try:
        return refused(data), tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()


@pytest.mark.parametrize(
    "data",
    [
        b"\x80\x05\x8e" + struct.pack("<Q", 1 << 40) + b"x.",  # BINBYTES8 of a terabyte
        b"\x80\x05\x96" + struct.pack("<Q", 1 << 62) + b"x.",  # BYTEARRAY8
        b"\x80\x04\x95" + struct.pack("<Q", 1 << 62) + b".",  # FRAME
        b"\x80\x02\x8b" + struct.pack("<i", 0x7FFFFFFF) + b"x.",  # LONG4
        b"I" + b"9" * 5000 + b"\n.",
        python_2(b"\x8a\x07" + (1 << 48).to_bytes(7, "little") + b"\x85"),
        python_2(b"(" + b"K\x01" * 100 + b"t"),
        python_2(b"J\xff\xff\xff\xff\x85"),
        python_2(b"N\x85"),
    ],
)
def test_sizes_that_are_only_claimed_cost_no_memory(data):
    sentence, peak = memory_for(data)
    assert sentence
    assert peak < 1 << 20


def test_a_high_place_in_the_memory_costs_nothing():
    data = b"\x80\x02]r\xff\xff\xff\x7f0j\xff\xff\xff\x7f."
    tracemalloc.start()
    assert loads(data) == []
    assert tracemalloc.get_traced_memory()[1] < 1 << 20
    tracemalloc.stop()


def test_data_that_are_repeated_by_reference_are_limited(monkeypatch):
    monkeypatch.setattr(safe_pickle, "SIZE_LIMIT", 1 << 20)
    text = b"X" + struct.pack("<I", 1 << 19) + b"x" * (1 << 19) + b"q\x01"
    encode = b"c_codecs\nencode\nh\x01X\x06\x00\x00\x00latin1\x86R"
    assert refused(b"\x80\x02(" + text + encode * 10 + b"t.") == "repeats its data too often"


def test_programs_that_never_end_are_stopped(monkeypatch):
    monkeypatch.setattr(safe_pickle, "MOST_STEPS", 1000)
    assert refused(b"]" * 2000) == "has more than 1000 steps"


@pytest.mark.parametrize(
    "data",
    [
        b"(" * 100_000 + b"t" * 100_000 + b".",
        b"]" * 100_000 + b"a" * 99_999 + b".",
        b")" + b"\x85" * 100_000 + b".",
    ],
)
def test_deep_nesting_ends_nothing(data):
    assert isinstance(loads(data), list | tuple)


def test_lists_that_contain_themselves_are_read():
    found = loads(b"\x80\x02]q\x00h\x00a.")
    assert found[0] is found


@settings(max_examples=300, deadline=None)
@given(st.binary(max_size=100))
def test_any_bytes_are_data_or_refused(data):
    with suppress(RefusedPickleError):
        loads(data)


OPERATIONS = [code.code.encode("latin-1") for code in pickletools.opcodes]


@settings(max_examples=300, deadline=None)
@given(st.lists(st.sampled_from(OPERATIONS) | st.binary(max_size=5), max_size=40))
def test_any_program_is_data_or_refused(parts):
    with suppress(RefusedPickleError):
        loads(b"".join(parts) + b".")


def test_files_are_named(tmp_path):
    path = tmp_path / "train_label.pkl"
    path.write_bytes(pickle.dumps(Runs(os.system, "true")))
    with pytest.raises(
        FileFlawError, match=r"train_label\.pkl names posix\.system, which is not read\. Write it"
    ):
        read_pickle(path)
    with pytest.raises(FileFlawError, match="more than 0"):
        read_pickle(path, limit=10)
