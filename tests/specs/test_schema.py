"""The schema that clients get: strict JSON Schema that its own default fits."""

import json

import jsonschema
import pytest

from tunesmith.networks import Network, networks
from tunesmith.specs import Action, action_schema, default_spec, validate_spec

CASES = [
    pytest.param(network, action, id=f"{network.arch}:{action}")
    for network in networks().values()
    for action in network.actions
]


@pytest.mark.parametrize(("network", "action"), CASES)
def test_schema_is_strict_json_and_json_schema(network: Network, action: Action) -> None:
    schema = action_schema(network.spec, action)
    json.dumps(schema, allow_nan=False, sort_keys=True)
    jsonschema.Draft202012Validator.check_schema(schema)


@pytest.mark.parametrize(("network", "action"), CASES)
def test_the_default_fits_the_schema_and_the_model(network: Network, action: Action) -> None:
    schema = action_schema(network.spec, action)
    jsonschema.validate(schema["default"], schema)
    assert validate_spec(network.spec, schema["default"]) == network.spec()


@pytest.mark.parametrize(("network", "action"), CASES)
def test_an_action_shows_its_own_section_and_train_and_no_other_actions(
    network: Network, action: Action
) -> None:
    shown = set(default_spec(network.spec, action))
    own = {action.value} & set(network.spec.model_fields)  # a retraining has the section train alone
    assert {*own, "train", "model", "dataset"} <= shown
    assert not shown & (set(Action) - {action.value, "train"})


def test_popular_and_search_parameters_are_dotted_names_of_shown_keys() -> None:
    schema = action_schema(networks()["classification_pyt"].spec, Action.TRAIN)
    assert "train.num_epochs" in schema["popular"]
    assert "train.optim.lr" in schema["automl_default_parameters"]
    assert "wandb.tags" in schema["automl_disabled_parameters"]
    assert not [name for name in schema["popular"] if name.startswith("evaluate")]
