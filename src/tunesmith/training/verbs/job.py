"""What every verb begins with."""

import os
from collections.abc import Iterator
from dataclasses import dataclass, replace

import torch

from tunesmith.networks import Network, UnknownNetworkError, get_network
from tunesmith.networks.goals import metric_goal
from tunesmith.protocol import Cause, MetricGoal
from tunesmith.specs import Block, SpecError, SpecProblem, changed_inert_keys, validate_spec
from tunesmith.specs.blocks.tf2 import MpiArgs
from tunesmith.training.engine.devices import take_resources
from tunesmith.training.failures import JobError
from tunesmith.training.run import Run


@dataclass(frozen=True)
class Job:
    """A job on a network, with its spec read and its part of the machine taken."""

    run: Run
    network: Network
    spec: Block
    device: torch.device

    def with_spec(self, spec: Block) -> "Job":
        """The same job with another spec."""
        return replace(self, spec=spec)

    @property
    def own_goal(self) -> MetricGoal:
        """The network's own metric."""
        return metric_goal(self.network.metric, self.network)

    @property
    def goal(self) -> MetricGoal:
        """The metric that chooses the best model: the spec's if it is set, the request's, the network's."""
        named, usual = (monitored(spec) for spec in (self.spec, type(self.spec)()))
        if named != usual:
            return metric_goal(named, self.network)
        return self.run.request.metric or self.own_goal


def monitored(spec: Block) -> str:
    """The metric that a spec names to choose the best checkpoint by; empty if it has no such key."""
    optim = getattr(getattr(spec, "train", None), "optim", None)
    return getattr(optim, "monitor_name", "")


def channels_last(spec: Block) -> bool | None:
    """Whether images are to lie in memory pixel by pixel; None if the spec leaves it open.

    Raises:
        SpecError: there is no such layout.
    """
    named, usual = (getattr(one, "data_format", "") for one in (spec, type(spec)()))
    if named not in ("channels_first", "channels_last", usual):
        rule = "must be channels_first or channels_last"
        raise SpecError([SpecProblem("data_format", rule, named)])
    return None if named == usual else named == "channels_last"


def _variables(spec: Block) -> Iterator[tuple[str, str]]:
    """What libraries of NVIDIA's read from the environment, as far as the spec sets it."""
    if getattr(spec, "cuda_blocking", False):
        yield "CUDA_LAUNCH_BLOCKING", "1"
    given = getattr(spec, "mpi_args", None)
    if isinstance(given, MpiArgs):
        usual = MpiArgs()
        if given.nccl_ib_hca != usual.nccl_ib_hca:
            yield "NCCL_IB_HCA", given.nccl_ib_hca
        if given.nccl_socket_ifname != usual.nccl_socket_ifname:
            yield "NCCL_SOCKET_IFNAME", given.nccl_socket_ifname


def open_job(run: Run) -> Job:
    """Read the spec, take the threads and the GPU, and tell which keys set by the user do nothing.

    Raises:
        JobError: there is no such network.
        SpecError: the spec is not valid.
    """
    try:
        network = get_network(run.request.network or "")
    except UnknownNetworkError as error:
        raise JobError(Cause.BAD_SPEC, str(error)) from error
    spec = validate_spec(network.spec, run.request.specs)
    os.environ.update(_variables(spec))
    resources = run.request.resources
    device = take_resources(resources, run.seat.local)
    inert = [f"{path} ({reason})" for path, reason in changed_inert_keys(spec)]
    if inert:
        run.note(f"These keys of the spec do nothing here: {'; '.join(inert)}.")
    if len(resources.gpus) > resources.processes:
        run.note(f"The job was given {len(resources.gpus)} GPUs; it computes on the first.")
    return Job(run, network, spec, device)
