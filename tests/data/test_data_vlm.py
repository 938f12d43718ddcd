"""Conversations about images and videos: what dataset.yaml names, and whether it is there."""

import json

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from tests.data.looking import errors, is_read_or_refused, look, warnings
from tests.data.media_files import MP4
from tests.data.pet_data import archive, png

from tunesmith.data.conversations import Conversation, Part, Turn, read_conversations, read_parts


def talk(answer="A grey square.", **media):
    turns = [{"from": "human", "value": "What is this?"}, {"from": "gpt", "value": answer}]
    return {"id": 1, "conversations": turns if answer else turns[:1]} | media


def part(data_path, media_dir=None, name="shapes"):
    media = f"    media_dir: {media_dir}\n" if media_dir else ""
    return f"{name}:\n    _target_: llava.data.LLaVADataset\n    data_path: {data_path}\n{media}".encode()


TALKS = [
    talk(image="images/1.png"),
    talk(video="clip.mp4"),
    talk(images=["images/1.png", "images/2.png"]),
    talk(),
]
FILES = {
    "dataset.yaml": part("talks.json", "."),
    "talks.json": json.dumps(TALKS).encode(),
    "images/1.png": png(1),
    "images/2.png": png(2),
    "clip.mp4": MP4,
}


@pytest.fixture
def report(tmp_path):
    def run(intents=("training",), /, **changes):
        renamed = {name.replace("__", "/").replace("_at_", "."): data for name, data in changes.items()}
        files = {name: data for name, data in (FILES | renamed).items() if data is not None}
        return look(tmp_path, "vlm", "default", files, intents)

    return run


@pytest.mark.shows("dataset vlm/default")
def test_a_whole_dataset_is_counted(report):
    found = report()
    assert found.findings == ()
    assert found.counts["conversations"] == {"shapes": 4}
    assert found.counts == found.counts | {"images": 2, "videos": 1, "decoded": 2}


@pytest.mark.parametrize("path", ["talks.json", "./talks.json", "/dataset/vila/shapes/talks.json"])
@pytest.mark.parametrize("folder", [".", "/dataset/vila/shapes", None])
def test_paths_of_another_machine_are_found(report, path, folder):
    assert report(dataset_at_yaml=part(path, folder)).findings == ()


@pytest.mark.parametrize("top", ["images/", "", "data/images/"])
def test_media_may_be_in_archives(report, top):
    whole = archive({f"{top}1.png": png(1), f"{top}2.png": png(2)})
    name = {"images/": "images_at_tar_at_gz", "": "images_at_tar_at_gz", "data/images/": "data_at_tar"}[top]
    found = report(images__1_at_png=None, images__2_at_png=None, **{name: whole})
    assert found.findings == ()


def test_conversations_may_be_lines(report):
    lines = "\n".join(map(json.dumps, TALKS)) + "\n\n"
    found = report(dataset_at_yaml=part("talks.jsonl", "."), talks_at_jsonl=lines.encode())
    assert found.findings == ()
    assert found.counts["conversations"] == {"shapes": 4}


def test_several_parts_are_counted_apart(report):
    found = report(
        dataset_at_yaml=part("talks.json", ".") + part("more/talks.json", "images", "more"),
        more__talks_at_json=json.dumps([talk(image="1.png")]).encode(),
    )
    assert found.findings == ()
    assert found.counts["conversations"] == {"shapes": 4, "more": 1}


def test_a_single_part_needs_no_name(report):
    assert report(dataset_at_yaml=b"data_path: talks.json\nmedia_dir: .\n").counts["conversations"] == {
        "dataset": 4
    }


def test_what_is_read_is_what_was_written(tmp_path):
    (tmp_path / "dataset.yaml").write_bytes(part("a/talks.json"))
    (tmp_path / "talks.json").write_text(json.dumps([talk(image="1.png")]))
    assert read_parts(tmp_path / "dataset.yaml") == [Part("shapes", "a/talks.json", "a")]
    (found,) = read_conversations(tmp_path / "talks.json")
    assert found == Conversation((Turn("human", "What is this?"), Turn("gpt", "A grey square.")), ("1.png",))


# What is wrong


@pytest.mark.parametrize(
    ("yaml", "words"),
    [
        (b"", "names no part"),
        (b"- a\n- b\n", "names no part"),
        (b"shapes: talks.json", "no data_path in the part 'shapes'"),
        (b"shapes:\n  data_path: [a]\n", "no data_path in the part 'shapes'"),
        (b"a: b: c", "is not YAML"),
        (b"!!python/object/apply:os.system ['true']", "names no part"),
        (b"\xff\xfe\xff", "is not UTF-8 text"),
        (b"[" * 100_000, "is not YAML"),
        (b"x: &x [y]\nz: *nothing", "is not YAML"),
        (b"#" * (2 << 20), "has 2 MB of text"),
    ],
)
def test_a_list_of_parts_that_is_none_is_an_error(report, yaml, words):
    ((file, message),) = errors(report(dataset_at_yaml=yaml))
    assert file == "dataset.yaml"
    assert words in message


def test_references_that_grow_without_end_do_no_harm(report):
    bomb = b"a0: &a0 [x, x]\n" + b"".join(
        b"a%d: &a%d [*a%d, *a%d]\n" % (i, i, i - 1, i - 1) for i in range(1, 60)
    )
    assert "no data_path in the part 'a0'" in errors(report(dataset_at_yaml=bomb))[0][1]


def test_files_that_are_not_there_are_named(report):
    found = report(images__2_at_png=None, clip_at_mp4=None)
    assert errors(found) == [
        ("talks.json", "is about 'clip.mp4', which the dataset does not hold"),
        ("talks.json", "is about 'images/2.png', which the dataset does not hold"),
    ]
    assert found.counts["conversations"] == {"shapes": 2}


def test_a_list_of_conversations_that_is_not_there_is_named(report):
    assert errors(report(talks_at_json=None)) == [
        ("dataset.yaml", "names 'talks.json', which the dataset does not hold")
    ]


@pytest.mark.parametrize(
    "path", ["../../secret.png", "/etc/passwd", "images/../../1.png", "", 3, None, "a\0b"]
)
def test_paths_that_lead_elsewhere_find_nothing(report, path):
    (error,) = errors(report(talks_at_json=json.dumps([talk(), talk(image=path)]).encode()))
    assert error[0] == "talks.json"


@pytest.mark.parametrize(
    ("instance", "words"),
    [
        (3, "has no conversations at place 1"),
        ({"conversations": "hello"}, "has no conversations at place 1"),
        ({"conversations": []}, "a turn without from and value at place 1"),
        ({"conversations": [{"from": "human"}]}, "a turn without from and value at place 1"),
        ({"conversations": [{"from": "gpt", "value": "hi"}]}, "a conversation that a human does not begin"),
        (talk(image=[1]), "an image or video that is no path at place 1"),
        (talk(image="dataset.txt"), "is about 'dataset.txt', which the dataset does not hold"),
        (talk(image="talks.json"), "is about 'talks.json', whose suffix is neither"),
    ],
)
def test_conversations_that_cannot_be_used_are_errors(report, instance, words):
    ((file, message),) = errors(report(talks_at_json=json.dumps([talk(), instance]).encode()))
    assert file == "talks.json"
    assert words in message


@pytest.mark.parametrize(
    ("data", "words"),
    [
        (b"{}", "no list of conversations"),
        (b"[", "is not JSON"),
        (b"[" * 100_000, "nested too deep"),
        (b"[]", "holds no"),
    ],
)
def test_files_of_conversations_that_are_none_are_errors(report, data, words):
    ((file, message),) = errors(report(talks_at_json=data))
    assert file == "talks.json"
    assert words in message


def test_lines_that_cannot_be_read_are_errors(report):
    lines = b"{\n\xff\n" + json.dumps(talk()).encode()
    found = report(dataset_at_yaml=part("talks.jsonl", "."), talks_at_jsonl=lines)
    assert [message for _, message in errors(found)] == [
        "is not JSON: Expecting property name enclosed in double quotes in line 2, column 1",
        "has a line that is not UTF-8 text",
    ]


def test_questions_without_answers_serve_tests_alone(report, tmp_path):
    talks = json.dumps([talk(), talk(answer="")]).encode()
    assert "without an answer: 'What is this?'" in warnings(report(talks_at_json=talks))[0][1]
    files = FILES | {"talks.json": talks}
    assert look(tmp_path / "test", "vlm", "default", files, ["testing"]).findings == ()


def test_broken_media_are_errors(report):
    found = report(images__1_at_png=b"no", clip_at_mp4=b"no")
    assert sorted(file for file, _ in errors(found)) == ["clip.mp4", "images/1.png"]


@settings(max_examples=150, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(st.text(max_size=60) | st.text("-:[]{}&*!|>'\"#, \nab0\t", max_size=60), st.binary(max_size=60))
def test_any_text_is_read_or_refused(tmp_path, text, data):
    for content in (text.encode("utf-8", "surrogatepass"), data):
        for name in ("any.yaml", "any.json", "any.jsonl"):
            (tmp_path / name).write_bytes(content)
        assert is_read_or_refused(read_parts, tmp_path / "any.yaml")
        assert is_read_or_refused(lambda path: list(read_conversations(path)), tmp_path / "any.json")
        assert is_read_or_refused(lambda path: list(read_conversations(path)), tmp_path / "any.jsonl")
