"""The catalogue of published models against the libraries that publish them."""

import json
from importlib.resources import files
from uuid import UUID

import pytest
from tests.networks.write_catalogue import entries

from tunesmith.networks import get_network, networks
from tunesmith.networks.base import Network
from tunesmith.networks.catalogue import catalogue
from tunesmith.specs import validate_spec
from tunesmith.specs.paths import with_values

# A client stores these ids: they must stay as they are, whatever else changes.
PINNED = {
    "timm/resnet50:a1_in1k": "f5d44727-965e-548d-84d5-093c7cb60e10",
    "timm/swin_tiny_patch4_window7_224:ms_in22k_ft_in1k": "ccad0293-44ea-556e-a7b6-07ef14797a58",
    "timm/pretrained_fan_classification_imagenet:fan_hybrid_tiny": "f0c4ee23-f1bb-59a9-8b5c-99af904c4849",
}


def test_the_catalogue_states_what_the_libraries_state():
    written = json.loads(files("tunesmith.networks").joinpath("catalogue.json").read_bytes())
    assert written == entries(), "run python -m tests.networks.write_catalogue and review the difference"


def test_ids_never_change():
    by_path = {entry.ngc_path: entry.id for entry in catalogue().values()}
    assert {path: by_path[path] for path in PINNED} == {path: UUID(one) for path, one in PINNED.items()}
    assert len(catalogue()) == len(by_path), "no two have one name"


NOT_FREE = {"mask2former"}
"""Networks whose published weights may not be used commercially: docs/models.md."""


@pytest.mark.parametrize(
    "network",
    [network for network in networks().values() if network.arch not in NOT_FREE],
    ids=lambda network: network.arch,
)
def test_every_network_has_models_to_start_from(network: Network):
    of_network = [entry for entry in catalogue().values() if entry.arch == network.arch]
    assert of_network
    for entry in of_network:
        spec = validate_spec(network.spec, with_values({}, entry.defaults))
        assert {path: spec.value(path) for path in entry.defaults} == entry.defaults
        parts = ("model.backbone", "model.name", "model.arch")
        assert any(path.startswith(parts) for path in entry.required)


@pytest.mark.parametrize(
    ("arch", "wanted"),
    [
        ("classification_pyt", "pretrained_fan_classification_imagenet:fan_hybrid_tiny"),
        ("segformer", "pretrained_segformer_imagenet:fan_hybrid_small"),
    ],
)
def test_a_client_finds_the_backbone_that_it_looks_for(arch, wanted):
    (found,) = (entry for entry in catalogue().values() if entry.ngc_path.endswith(wanted))
    assert "timm has no FAN" in found.description
    assert found.arch == get_network(arch).arch


def test_every_model_may_be_used_freely():
    assert not [entry.name for entry in catalogue().values() if "nc" in entry.license.split("-")]
