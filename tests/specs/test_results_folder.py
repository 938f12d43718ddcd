import pytest

from tunesmith.networks.classification_pyt.spec import ClassificationSpec
from tunesmith.specs import SpecError, validate_spec
from tunesmith.specs.blocks.results import results_folder


@pytest.mark.parametrize(
    ("named", "folder"),
    [
        ("", ""),
        ("/results", ""),
        ("/results/", ""),
        ("???", ""),
        ("first", "first"),
        ("/results/first/try", "first/try"),
        ("/workspace/tao/out/", "workspace/tao/out"),  # a path of another machine stays below the results
        ("results", "results"),
    ],
)
def test_a_path_means_a_folder_below_the_results_of_the_job(named: str, folder: str):
    assert results_folder({"train": {"results_dir": named}}, "train") == folder
    assert results_folder({"results_dir": named}, "train") == folder
    assert validate_spec(ClassificationSpec, {"results_dir": named}).results_dir == named


def test_the_section_of_the_action_goes_before_the_root():
    specs = {
        "results_dir": "/results/all",
        "train": {"results_dir": "learnt"},
        "evaluate": {"results_dir": "measured"},
        "dataset_convert": {"results_dir": "records"},
        "distill": None,
    }
    actions = ("train", "retrain", "evaluate", "convert_efficientdet_tf2", "export", "distill")
    folders = [results_folder(specs, action) for action in actions]
    assert folders == ["learnt", "learnt", "measured", "records", "all", "all"]


@pytest.mark.parametrize("named", ["..", "a/../b", "/results/../../b", "a\nb", "x" * 5000])
def test_no_path_leads_out_of_the_results(named: str):
    with pytest.raises(SpecError, match=r"evaluate\.results_dir: must be a folder below the results"):
        validate_spec(ClassificationSpec, {"evaluate": {"results_dir": named}})
