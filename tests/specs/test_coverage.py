"""How many of the published keys act, as `tunesmith specs coverage` counts them."""

import json
from dataclasses import replace

import pytest
from tests.networks.write_published_keys import published_keys as written_down
from typer.testing import CliRunner

from tunesmith.__main__ import app
from tunesmith.networks import Network, get_network, networks
from tunesmith.networks.coverage import coverage, published_keys
from tunesmith.specs import Block
from tunesmith.specs.fields import integer, text

MOST_INERT = 0.15


class _Small(Block):
    model_name: str = text("", "It acts.")
    encryption_key: str = text("", "It does not.", inert="nothing is encrypted")
    own: int = integer(1, "It is none of the published keys.", ours=True)


def asked(*words: str) -> str:
    result = CliRunner().invoke(app, ["specs", "coverage", *words])
    assert result.exit_code == 0, result.output
    return result.stdout


def test_the_package_knows_the_published_keys():
    names = {arch: list(keys) for arch, keys in published_keys().items()}
    assert names == written_down(), "write them: python -m tests.networks.write_published_keys"


@pytest.mark.parametrize("network", networks().values(), ids=lambda network: network.arch)
def test_no_key_is_missing_and_few_are_inert(network: Network):
    found = coverage(network)
    assert not found.missing
    assert found.inert_share <= MOST_INERT, dict(found.inert)
    assert found.acting + len(found.inert) == found.published


def test_keys_of_ours_are_not_counted_and_lacking_ones_are_missing():
    found = coverage(replace(get_network("mal"), spec=_Small))
    assert found.published == len(published_keys()["mal"])
    assert found.inert == {"encryption_key": "nothing is encrypted"}
    assert found.acting == 1
    assert len(found.missing) == found.published - 2
    assert "train.num_epochs" in found.missing


def test_the_command_prints_a_row_for_each_network():
    rows = [line.split("\t") for line in asked().splitlines()]
    assert [row[0] for row in rows] == list(networks())
    found = coverage(get_network("mal"))
    (row,) = (line.split("\t") for line in asked("mal").splitlines())
    share = f"{found.inert_share:.1%}"
    assert row == ["mal", str(found.published), str(found.acting), str(len(found.inert)), share, "0"]
    (told,) = json.loads(asked("mal", "--json"))
    assert (told["acting"], told["inert"], told["missing"]) == (found.acting, dict(found.inert), [])


def test_the_command_lists_inert_keys_with_their_reasons():
    rows = [tuple(line.split("\t")) for line in asked("mal", "rtdetr", "--inert").splitlines()]
    wanted = [coverage(get_network(arch)) for arch in ("mal", "rtdetr")]
    assert rows == [(one.arch, key, reason) for one in wanted for key, reason in one.inert.items()]


def test_the_command_names_the_networks_there_are():
    result = CliRunner().invoke(app, ["specs", "coverage", "rtdtr"])
    assert result.exit_code == 2
    assert "rtdtr" in result.stderr
    assert "mask2former" in result.stderr
