"""What a network declares of itself, without importing torch."""

from dataclasses import dataclass

from tunesmith.specs import Action, Block


@dataclass(frozen=True)
class Network:
    """One network_arch of the API.

    Attributes:
        arch: its name in the API.
        task: the module of `tunesmith.training.tasks` that trains it.
        spec: its spec model.
        model: the module with `build(...)`, imported by workers only.
        dataset_type: the type of the datasets it takes.
        formats: the formats it trains and evaluates on.
        intents: what its datasets may be used for.
        actions: what can be done with it.
        metric: its monitoring metric, which "kpi" stands for.
        minimize: whether a smaller metric is better.
    """

    arch: str
    task: str
    spec: type[Block]
    model: str
    dataset_type: str
    formats: tuple[str, ...]
    intents: tuple[str, ...]
    actions: tuple[Action, ...]
    metric: str
    minimize: bool = False
