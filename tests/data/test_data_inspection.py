"""Parts beside good ones: a photograph for each light, and a label for each line."""

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from tests.data.looking import errors, look, warnings
from tests.data.scene_data import LIGHTS, parts

from tunesmith.data.inspection import InspectionData

PAIRS = [
    pytest.param(
        "optical_inspection", "default", marks=pytest.mark.shows("dataset optical_inspection/default")
    ),
    pytest.param(
        "visual_changenet",
        "visual_changenet_classify",
        marks=pytest.mark.shows("dataset visual_changenet/visual_changenet_classify"),
    ),
]
HEAD = b"input_path,golden_path,label,object_name\n"
FIRST = b"board_0/,golden/,PASS,R_0\n"
LAST = b"board_5/,golden/,MISSING,R_5\n"


@pytest.fixture
def report(tmp_path):
    def run(files, intents=("training",), pair=("optical_inspection", "default")):
        dataset_type, dataset_format = pair
        return look(tmp_path, dataset_type, dataset_format, files, intents)

    return run


@pytest.mark.parametrize(("dataset_type", "dataset_format"), PAIRS)
def test_a_whole_dataset_is_counted(report, tmp_path, dataset_type, dataset_format):
    found = report(parts(), pair=(dataset_type, dataset_format))
    assert found.findings == ()
    assert found.counts["images"] == 48
    assert found.counts["pairs"] == 6
    assert found.counts["classes"] == {"dataset.csv": {"PASS": 3, "MISSING": 3}}
    assert found.counts["lights"] == dict.fromkeys(LIGHTS, 6)
    data = InspectionData.open(tmp_path / "cache")
    part = data.parts()[3]
    assert data.lights == LIGHTS
    assert (part.name, part.label, part.defective) == ("R_3", "MISSING", True)
    assert part.shots["WhiteLight"].parts[-2:] == ("board_3", "R_3_WhiteLight.jpg")
    assert part.golden["WhiteLight"].parts[-2:] == ("golden", "R_3_WhiteLight.jpg")


@pytest.mark.parametrize("top", ["", "images/", "a/b/"])
def test_archives_may_have_top_folders_or_none(report, top):
    assert report(parts(top=top)).findings == ()


@pytest.mark.parametrize("column", ["images/board_{}", "/board_{}/", "./board_{}", "board_{}\\"])
def test_folders_may_be_written_in_many_ways(report, column):
    rows = [
        f"{column.format(index)},golden,{label},R_{index}" for index, label in ((0, "pass"), (5, "MISSING"))
    ]
    found = report(parts(table=HEAD + "\r\n".join(rows).encode()))
    assert found.valid, found.sentence()
    assert found.counts["classes"] == {"dataset.csv": {"PASS": 1, "MISSING": 1}}


def test_columns_may_stand_in_any_order(report):
    table = b"\xef\xbb\xbfObject_Name, LABEL,extra,golden_path,input_path\nR_0,PASS,x,golden,board_0\n"
    table += b'"R_5","MISSING",,golden,"board_5"\n'
    assert report(parts(table=table)).valid


def test_parts_may_have_one_photograph_or_other_lights(report, tmp_path):
    found = report(parts(lights=("",)))
    assert found.findings == ()
    assert InspectionData.open(tmp_path / "cache").lights == ("",)
    other = look(tmp_path / "other", "optical_inspection", "default", parts(lights=("Red", "Blue")))
    assert other.valid
    assert "has the lights Blue, Red, not LowAngleLight" in warnings(other)[0][1]


@pytest.mark.parametrize("column", ["input_path", "golden_path"])
def test_every_photograph_of_a_line_must_be_there(report, column):
    folder = {"input_path": "board_1", "golden_path": "golden"}[column]
    name = f"{folder}/R_1_SolderLight.jpg"
    found = report(parts(changes={f"images/{name}": None}))
    ((file, message),) = errors(found)
    assert file == "dataset.csv"
    assert f"as {column} in line 3, which images.tar.gz does not hold" in message
    assert "R_1_SolderLight" in message


@pytest.mark.parametrize(
    ("table", "fault"),
    [
        (b"", "names no part"),
        (HEAD, "names no part"),
        (
            FIRST + LAST,
            "does not name the column input_path, golden_path, label, object_name in its first line",
        ),
        (HEAD.replace(b",", b";") + FIRST, "does not name the column"),
        (HEAD + FIRST + b"board_5/,golden/,,R_5\n", "has no label in line 3"),
        (HEAD + FIRST + b"board_5/,golden/,a\x01b,R_5\n", "has a label that is no printable text in line 3"),
        (HEAD + FIRST + b"board_5/\n", "has no object_name of printable text in line 3"),
        (
            HEAD + FIRST + b"../board_5/,golden/,BAD,R_5\n",
            "names '../board_5/R_5_LowAngleLight' as input_path",
        ),
        (HEAD + FIRST, "has no part with a defect"),
        (HEAD + LAST, "has no part with the label PASS"),
        (HEAD + b"\xe9" + FIRST, "is not UTF-8 text"),
        (HEAD + b"x" * 20_000, "has more than 10000 characters in line 2"),
    ],
)
def test_tables_that_nothing_can_be_learnt_from_are_errors(report, table, fault):
    found = errors(report(parts(table=table)))
    assert {file for file, _ in found} == {"dataset.csv"}
    assert any(fault in message for _, message in found)


def test_parts_to_predict_on_need_no_label(report):
    assert report(parts(table=HEAD + b"board_5,golden,,R_5\n"), ["testing"]).valid


def test_good_parts_alone_can_be_measured_with(report):
    assert report(parts(table=HEAD + FIRST), ["evaluation"]).valid


def test_images_that_no_line_names_are_counted(report):
    assert warnings(report(parts(table=HEAD + FIRST + LAST))) == [
        ("images.tar.gz", "holds 32 images that no line of dataset.csv names: they are left out")
    ]


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.binary(max_size=60) | st.text('R_05,"\n\r;PAS/board', max_size=60).map(str.encode))
def test_any_table_gives_a_report(tmp_path_factory, rows):
    files = ANY | {"dataset.csv": HEAD + rows}
    assert look(tmp_path_factory.mktemp("any"), "optical_inspection", "default", files).model_dump_json()


ANY = parts(1, 1, ("",))
