"""Sequences of skeletons and their labels, in the folder of their kind."""

import os
import pickle

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from tests.data.looking import errors, is_read_or_refused, look, warnings
from tests.data.skeleton_data import labels, npy, sequences, skeletons

from tunesmith.data.errors import DatasetError, FileFlawError
from tunesmith.data.skeletons import SkeletonData, read_labels, read_sequences


@pytest.fixture
def report(tmp_path):
    def run(files=None, **options):
        return look(tmp_path, "pose_classification", "default", files or skeletons(), ["training"], **options)

    return run


@pytest.mark.shows("dataset pose_classification/default")
@pytest.mark.parametrize(("graph", "joints"), [("nvidia", 34), ("kinetics", 18)])
def test_a_whole_dataset_is_counted_and_read(report, tmp_path, graph, joints):
    found = report(skeletons(graph, joints))
    assert found.findings == ()
    assert found.counts["samples"] == {"train": 4, "val": 2}
    assert found.counts["classes"] == {"train": {"0": 2, "1": 2}, "val": {"0": 1, "1": 1}}
    data = SkeletonData.open(tmp_path / "cache")
    assert data.graph == graph
    train = data.skeletons("train")
    assert train.data.shape == (4, 3, 5, joints, 1)
    assert train.data[1].tolist() == sequences(joints=joints)[1].tolist()
    assert train.names[0] == "video_0"
    assert train.labels.tolist() == [0, 1, 0, 1]


def test_what_is_missing_is_named_with_both_folders(report):
    assert errors(report(skeletons(val_data__npy=None))) == [
        ("nvidia/val_data.npy or kinetics/val_data.npy", "is missing")
    ]


def test_files_of_both_kinds_do_not_complete_one_another(report):
    files = skeletons(val_data__npy=None) | {"kinetics/val_data.npy": npy(sequences(2, 18))}
    found = report(files)
    assert errors(found) == [("nvidia/val_data.npy", "is missing: the other files are of the other kind")]
    assert warnings(found) == [("kinetics", "lies beside nvidia and is left out")]


@pytest.mark.parametrize(
    ("data", "words"),
    [
        (b"", "is not a whole array"),
        (b"\x93NUMPY", "is not a whole array"),
        (npy(sequences())[:-100], "is not a whole array"),
        (pickle.dumps([1]), "is not a whole array"),
        (npy(np.array([{}], dtype=object)), "is not a whole array"),
        (npy(sequences()[0]), "has the shape (3, 5, 34, 1), not (samples, 3, frames, joints, persons)"),
        (npy(sequences()[:, :2]), "has the shape (4, 2, 5, 34, 1)"),
        (npy(sequences(0)), "has the shape (0, 3, 5, 34, 1)"),
        (npy(sequences(joints=18)), "has 18 joints a skeleton, not 34"),
        (npy(sequences().astype(np.int32)), "has values of the type int32, not float32"),
        (npy(np.full_like(sequences(), np.nan)), "has values in sample 0 that are no (float32) numbers"),
        (npy(np.full_like(sequences(), 1e300, dtype=np.float64)), "that are no (float32) numbers"),
    ],
)
def test_arrays_that_cannot_be_used_are_errors(report, data, words):
    file, message = errors(report(skeletons(train_data__npy=data)))[0]
    assert file == "nvidia/train_data.npy"
    assert words in message


def test_headers_that_promise_too_much_are_refused(tmp_path):
    path = tmp_path / "train_data.npy"
    header = "{'descr': '<f4', 'fortran_order': False, 'shape': (%s), }"
    for shape in ("9" * 30 + ", 3, 1, 34, 1", "1" + "0" * 15 + ", 3, 1, 34, 1", "-1, 3, 1, 34, 1", "(" * 500):
        text = (header % shape).encode()
        path.write_bytes(b"\x93NUMPY\x01\x00" + len(text).to_bytes(2, "little") + text + b"\0" * 1000)
        with pytest.raises(FileFlawError, match="is not a whole array of numbers"):
            read_sequences(path, 34)


def test_samples_without_a_skeleton_and_wider_numbers_are_pointed_out(report):
    data = sequences().astype(np.float64)
    data[2] = 0
    found = report(skeletons(train_data__npy=npy(data)))
    assert found.valid
    assert warnings(found) == [
        ("nvidia/train_data.npy", "holds float64 values, which are read as float32"),
        ("nvidia/train_data.npy", "has no skeleton in sample 2: all values are zero"),
    ]


class Shell:
    def __reduce__(self):
        return os.system, ("true",)


@pytest.mark.parametrize(
    ("data", "words"),
    [
        (labels((0, 1, 2)), "holds 3 labels for 4 samples"),
        (labels((0, 1, -1, 0)), "a label that is no class index at place 2"),
        (labels((0, 1, 2**70, 0)), "a label that is no class index at place 2"),
        (labels((0, 1, True, 0)), "a label that is no class index at place 2"),
        (labels((0, 1, "walk", 0)), "a label that is no class index at place 2"),
        (pickle.dumps((["a"], [0, 1, 0, 1])), "holds 1 names and 4 labels"),
        (pickle.dumps([1, 2, 3]), "does not hold (names, labels)"),
        (pickle.dumps((1, 2)), "names or labels that are no list"),
        (pickle.dumps({"a": 1}), "neither list, text nor number"),
        (pickle.dumps(Shell()), "names posix.system"),
        (b"not a pickle", "is not a whole pickle"),
        (b"", "is not a whole pickle"),
    ],
)
def test_labels_that_cannot_be_used_are_errors(report, data, words):
    ((file, message),) = errors(report(skeletons(train_label__pkl=data)))
    assert file == "nvidia/train_label.pkl"
    assert words in message


@pytest.mark.parametrize("kind", [np.array, tuple, lambda values: list(np.array(values, np.uint8))])
def test_labels_may_be_arrays_tuples_or_numbers_of_numpy(report, kind):
    assert report(
        skeletons(train_label__pkl=pickle.dumps((["a", "b", "c", "d"], kind([0, 1, 0, 1])), 2))
    ).valid


def test_classes_that_are_never_learnt_or_skipped_are_pointed_out(report):
    found = report(skeletons(train_label__pkl=labels((0, 3, 0, 3)), val_label__pkl=labels((1, 0))))
    assert found.valid
    assert [message for _, message in warnings(found)] == [
        "has samples of the class 1, of which the training samples have none",
        "has no sample of 2 of the classes 0 to 3",
    ]


def test_a_reader_refuses_labels_that_do_not_fit(report, tmp_path):
    report(skeletons(train_label__pkl=labels((0, 1))))
    with pytest.raises(DatasetError, match="holds 2 labels for 4 samples"):
        SkeletonData.open(tmp_path / "cache").skeletons("train")


def test_a_folder_without_skeletons_cannot_be_opened(tmp_path):
    with pytest.raises(DatasetError, match=r"no nvidia/train_data\.npy"):
        SkeletonData.open(tmp_path)


WHOLE = npy(sequences(1))


@settings(max_examples=150, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(st.lists(st.tuples(st.integers(0, 127), st.integers(0, 255)), max_size=6), st.integers(0, len(WHOLE)))
def test_damaged_arrays_are_read_or_refused(tmp_path, changes, length):
    data = bytearray(WHOLE)
    for place, value in changes:
        data[place] = value
    path = tmp_path / "any.npy"
    path.write_bytes(data[:length] if length % 2 else data)
    assert is_read_or_refused(lambda one: read_sequences(one, 34), path)


@settings(max_examples=100, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(st.binary(max_size=100) | st.tuples(st.lists(st.text()), st.lists(st.integers())).map(pickle.dumps))
def test_any_labels_are_read_or_refused(tmp_path, data):
    path = tmp_path / "any.pkl"
    path.write_bytes(data)
    assert is_read_or_refused(read_labels, path)
