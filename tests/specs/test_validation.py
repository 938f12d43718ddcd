"""What a wrong spec gets: every problem at once, each with key, rule, value and nearest name."""

from contextlib import suppress
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tunesmith.networks.classification_pyt.spec import ClassificationSpec
from tunesmith.specs import SpecError, changed_inert_keys, validate_spec

SPEC = ClassificationSpec


def problems(data: Any) -> dict[str, str]:
    with pytest.raises(SpecError) as caught:
        validate_spec(SPEC, data)
    return {problem.path: str(problem) for problem in caught.value.problems}


@pytest.mark.parametrize(
    ("data", "path", "words"),
    [
        ({"train": {"optim": {"optm": "sgd"}}}, "train.optim.optm", "Did you mean train.optim.optim?"),
        ({"lr": 1}, "lr", "Did you mean train.optim.lr?"),
        ({"modle": {}}, "modle", "Did you mean model?"),
        ({"train": {"num_epochs": 0}}, "train.num_epochs", "must be at least 1, got 0."),
        ({"train": {"num_epochs": 10**30}}, "train.num_epochs", "must be at most 9223372036854775807"),
        ({"train": {"num_epochs": "10"}}, "train.num_epochs", 'must be a whole number, got "10".'),
        ({"train": {"num_epochs": 1.5}}, "train.num_epochs", "must be a whole number, got 1.5."),
        ({"train": {"num_epochs": True}}, "train.num_epochs", "must be a whole number, got true."),
        ({"train": {"enable_ema": "false"}}, "train.enable_ema", 'must be true or false, got "false".'),
        ({"train": {"optim": {"lr": float("nan")}}}, "train.optim.lr", "must be a finite number"),
        ({"train": {"optim": {"optim": "sdg"}}}, "train.optim.optim", "one of adamw, adam, sgd"),
        ({"model": {"backbone": {"type": "resnet81"}}}, "model.backbone.type", "Did you mean resnet18?"),
        ({"model": {"head": 3}}, "model.head", "must be an object"),
        ({"model": {"head": {"topk": 5}}}, "model.head.topk", "must be a list, got 5."),
        ({"dataset": {"augmentation": {"mean": ["a"]}}}, "dataset.augmentation.mean.0", "must be a number"),
        ({"wandb": {"name": None}}, "wandb.name", "must be a string, got null."),
        ([], "specs", "must be an object"),
    ],
)
def test_a_wrong_value_is_named_with_its_rule(data, path, words):
    found = problems(data)
    assert list(found) == [path]
    assert words in found[path]


def test_all_problems_are_told_at_once():
    found = problems(
        {"train": {"num_epochs": 0, "optim": {"lr": -1}}, "modle": {}, "dataset": {"img_size": "x"}}
    )
    assert set(found) == {"train.num_epochs", "train.optim.lr", "modle", "dataset.img_size"}


def test_a_long_value_is_cut_in_the_message():
    assert len(problems({"train": {"num_epochs": "9" * 10_000}})["train.num_epochs"]) < 200


@pytest.mark.parametrize("name", ["resnet18", "fan_small_12_p4_hybrid", "timm/a_model_of_tomorrow"])
def test_backbones_are_the_published_ones_and_any_of_timm(name):
    assert validate_spec(SPEC, {"model": {"backbone": {"type": name}}}).model.backbone.type == name


def test_whole_numbers_serve_as_fractions():
    assert validate_spec(SPEC, {"train": {"optim": {"lr": 1}}}).train.optim.lr == 1


def test_inert_keys_are_told_only_when_changed():
    assert list(changed_inert_keys(SPEC())) == []
    changed = validate_spec(SPEC, {"encryption_key": "secret", "evaluate": {"num_nodes": 2}})
    assert [path for path, _ in changed_inert_keys(changed)] == ["encryption_key", "evaluate.num_nodes"]
    assert all(reason for _, reason in changed_inert_keys(changed))


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=8,
)
sections = st.sampled_from(["train", "model", "dataset", "export", "distill", "zzz"])


@given(st.dictionaries(sections, json_values, max_size=3) | json_values)
def test_any_json_is_taken_or_refused_never_a_crash(data):
    with suppress(SpecError):
        validate_spec(SPEC, data)
