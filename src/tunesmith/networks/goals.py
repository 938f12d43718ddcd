"""Which metric chooses the best checkpoint, and which way it gets better."""

from tunesmith.networks.base import Network
from tunesmith.protocol import Direction, MetricGoal

_LESS_IS_BETTER = ("loss", "fid", "error", "rmse", "mse", "mae", "perplexity")


def metric_goal(metric: str, network: Network) -> MetricGoal:
    """The metric of an experiment, or of a job's specs, as a goal; "kpi" stands for the network's own."""
    if metric in {"kpi", network.metric}:
        return _goal(network.metric, minimize=network.minimize)
    words = metric.lower().replace("-", "_").replace(" ", "_").split("_")
    return _goal(metric, minimize=any(word.startswith(_LESS_IS_BETTER) for word in words))


def _goal(name: str, *, minimize: bool) -> MetricGoal:
    return MetricGoal(name=name, direction=Direction.MINIMIZE if minimize else Direction.MAXIMIZE)
