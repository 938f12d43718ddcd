"""The catalogue of networks: found by name, declared without torch, true to what is installed."""

import subprocess
import sys

import pytest
import timm

from tunesmith.networks import UnknownNetworkError, get_network, networks
from tunesmith.networks.backbones import timm_names
from tunesmith.specs import Action


def test_an_unknown_network_is_answered_with_those_there_are():
    with pytest.raises(UnknownNetworkError, match="'resnet' is not available; available: classification_pyt"):
        get_network("resnet")


def test_the_catalogue_of_backbones_is_that_of_the_installed_timm():
    missing = set(timm.list_models()) - timm_names()
    assert not missing, "write the names of timm.list_models() to networks/timm_models.txt"


def test_specs_and_registry_load_no_torch():
    code = "import sys, tunesmith.networks as n; n.networks(); print('torch' in sys.modules)"
    answer = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert answer.stdout.strip() == "False"


@pytest.mark.parametrize("network", networks().values(), ids=lambda network: network.arch)
def test_a_network_declares_a_section_for_each_action(network):
    own = {action.value for action in network.actions if action is not Action.RETRAIN}
    assert own <= set(network.spec.model_fields)
