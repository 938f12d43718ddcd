"""Keys that every job of some networks reads before it begins: libraries' variables, the memory layout."""

import os

import pytest
from tests.training.jobs import Bench

from tunesmith.networks import get_network
from tunesmith.specs import SpecError, validate_spec
from tunesmith.training.verbs.job import channels_last, open_job

VARIABLES = ("CUDA_LAUNCH_BLOCKING", "NCCL_IB_HCA", "NCCL_SOCKET_IFNAME")
OLDER = ("classification_tf2", "efficientdet_tf2")


@pytest.fixture
def no_variables(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in VARIABLES:
        monkeypatch.setenv(name, "")  # so that it is put back afterwards
        monkeypatch.delenv(name)


@pytest.mark.usefixtures("no_variables")
@pytest.mark.parametrize("network", OLDER)
def test_the_libraries_of_nvidia_are_told(bench: Bench, network: str):
    open_job(bench.prepare("train", {}, network=network))
    assert not [name for name in VARIABLES if name in os.environ]
    keys = {"cuda_blocking": True, "mpi_args.nccl_ib_hca": "mlx5_0", "mpi_args.nccl_socket_ifname": "eth0"}
    open_job(bench.prepare("train", keys, network=network))
    assert [os.environ[name] for name in VARIABLES] == ["1", "mlx5_0", "eth0"]


@pytest.mark.parametrize("network", OLDER)
def test_the_layout_is_chosen_here_unless_it_is_set(network: str):
    spec = get_network(network).spec
    usual = spec().value("data_format")
    other = {"channels_first": "channels_last", "channels_last": "channels_first"}[usual]
    assert channels_last(spec()) is None
    assert channels_last(validate_spec(spec, {"data_format": usual})) is None
    assert channels_last(validate_spec(spec, {"data_format": other})) is (other == "channels_last")
    assert channels_last(get_network("rtdetr").spec()) is None


def test_there_are_two_layouts():
    spec = validate_spec(get_network("efficientdet_tf2").spec, {"data_format": "rows"})
    with pytest.raises(SpecError, match="data_format: must be channels_first or channels_last"):
        channels_last(spec)
