"""Images of words: lists of both kinds, and the characters that words are made of."""

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from tests.data.digit_images import picture
from tests.data.looking import errors, is_read_or_refused, look, warnings
from tests.data.pet_data import archive
from tests.data.special_data import WORDS, words

from tunesmith.data.words import WordData, WordSplit, read_characters, spelled


@pytest.fixture
def report(tmp_path):
    def run(files=None, intents=("training",), **options):
        return look(tmp_path, "ocrnet", "default", files or words(), intents, **options)

    return run


def listed(text: str | bytes, name: str = "gt_new.txt") -> dict[str, bytes]:
    members = {f"train/{index}.png": picture(index) for index in range(2)}
    members[f"train/{name}"] = text if isinstance(text, bytes) else text.encode()
    return words() | {"train.tar.gz": archive(members)}


@pytest.mark.shows("dataset ocrnet/default")
@pytest.mark.parametrize("name", ["gt_new.txt", "gt.txt"])
def test_a_whole_dataset_is_counted(report, tmp_path, name):
    found = report(words(listed=name))
    assert found.findings == ()
    assert found.counts["characters"] == 10
    assert found.counts["images"] == {"train": 5}
    assert found.counts["words"] == {"train": {"usable": 5, "left_out": 0}}
    data = WordData.open(tmp_path / "cache")
    assert data.characters() == tuple("0123456789")
    assert [sample.text for sample in data.samples("train")] == list(WORDS)


def test_an_evaluation_set_needs_the_test_split_alone(report):
    assert report(words(split="test"), ["evaluation"]).findings == ()


@pytest.mark.parametrize(
    ("intents", "missing"),
    [(["evaluation"], ["test.tar.gz"]), (["training", "evaluation"], ["use_for", "test.tar.gz"])],
)
def test_a_set_is_for_one_use(report, intents, missing):
    assert [file for file, _ in errors(report(words(), intents))] == missing


def test_the_newer_list_counts(report, tmp_path):
    members = {"a/gt.txt": b"wrong", "a/gt_new.txt": b"img/1.png\t12\n", "a/img/1.png": picture(1)}
    assert report(words() | {"train.tar.gz": archive(members)}).findings == ()
    assert [sample.text for sample in WordData.open(tmp_path / "cache").samples("train")] == ["12"]


def test_lists_may_name_images_by_path_or_by_name(report, tmp_path):
    text = "train/0.png\t1\n./1.png\t2\n"
    assert report(listed(text)).findings == ()
    assert [sample.path.name for sample in WordData.open(tmp_path / "cache").samples("train")] == [
        "0.png",
        "1.png",
    ]


def test_words_are_spelled_in_the_characters_of_the_set():
    small, both = frozenset("abc"), frozenset("abcABC")
    assert spelled("Abc", small) == "abc"
    assert spelled("Abc", both) == "Abc"
    assert spelled("abd", both) is None


@pytest.mark.parametrize(
    ("line", "fault"),
    [
        ("1.png\t4x2\n", "has '4x2' in line 2, which needs 'x': it is left out"),
        ("9.png\t42\n", "names '9.png' in line 2, which is not in the archive: it is left out"),
        ("1.png\t\n", "has no word in line 2: it is left out"),
    ],
)
def test_what_cannot_be_learnt_is_left_out(report, line, fault):
    found = report(listed(f"0.png\t1\n{line}"))
    assert found.valid
    assert fault in [message for _, message in warnings(found)]
    assert found.counts["words"] == {"train": {"usable": 1, "left_out": 1}}


def test_images_that_no_line_names_are_not_even_opened(report):
    members = {"0.png": picture(0), "1.png": b"broken", "gt_new.txt": b"0.png\t1\n"}
    found = report(words() | {"train.tar.gz": archive(members)})
    assert found.valid
    assert found.counts["decoded"] == 1


def test_images_that_no_line_names_are_left_out(report):
    assert warnings(report(listed("0.png\t1\n0.png\t1\n"))) == [
        ("train.tar.gz/train/1.png", "is named in no line of the list and is left out"),
        ("train.tar.gz/train/0.png", "is named 2 times in the list"),
    ]


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        ("", "holds no image of a word"),
        ("0.png\tabc\n", "holds no image of a word"),
        ("0.png 12\n", "has no tab between file and word in line 1"),
        ("\ufeff0.png\t1\r\n1.png\r\n", "has no tab between file and word in line 2"),
        (b"0.png\t\xe9\n", "is not UTF-8 text"),
        ("0.png\t" + "1" * 20_000, "has more than 10000 characters in line 1"),
    ],
)
def test_a_list_without_words_is_an_error(report, text, fault):
    assert fault in " ".join(message for _, message in errors(report(listed(text))))


def test_a_split_without_a_list_is_an_error(report):
    found = report(words() | {"train.tar.gz": archive({"1.png": picture(1)})})
    assert errors(found) == [("train.tar.gz", "holds no gt_new.txt")]


@pytest.mark.parametrize(
    ("characters", "fault"),
    [
        (b"", "holds no character"),
        (b"0123456789", "holds 10 characters in line 1: '0123456789'"),
        (b"1\n2\n1\n", "repeats '1' of line 1 in line 3"),
        (b"\xff1\n", "is not UTF-8 text (byte 0)"),
    ],
)
def test_a_list_without_characters_is_an_error(report, characters, fault):
    assert errors(report(words() | {"character_list": characters})) == [("character_list", fault)]


def test_the_space_is_a_character(tmp_path):
    path = tmp_path / "character_list"
    path.write_bytes("\ufeffa\r\n \r\nü\r\n\r\n".encode())
    assert read_characters(path) == ("a", " ", "ü")


@settings(max_examples=100, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.binary(max_size=60) | st.text('a.png\t",\r\n ', max_size=60).map(str.encode))
def test_any_list_is_read_or_refused(tmp_path, data):
    folder = tmp_path / "train"
    folder.mkdir(exist_ok=True)
    (folder / "gt_new.txt").write_bytes(data)
    assert is_read_or_refused(lambda path: WordSplit(path.parent).words(), folder / "gt_new.txt")
    assert is_read_or_refused(read_characters, folder / "gt_new.txt")
