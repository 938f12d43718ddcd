"""What the fields of an experiment may hold."""

import re
from collections.abc import Iterable, Mapping
from typing import Any

from tunesmith.networks import Network, UnknownNetworkError, get_network
from tunesmith.server.experiments.bases import defaults_of
from tunesmith.server.experiments.schemas import Algorithm, AutoML
from tunesmith.server.kit.errors import BadRequestError, NotFoundError
from tunesmith.specs import Action, action_schema, default_spec
from tunesmith.specs.paths import with_values

_UUID = "[0-9a-fA-F]{8}(?:-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}"
_SET_BY_SERVER = re.compile(rf"(?:best_model|latest_model)_{_UUID}")
_SET_BY_CLIENT = re.compile(rf"from_epoch_number_{_UUID}")


def network_of(arch: str | None) -> Network:
    """The network of an experiment.

    Raises:
        BadRequestError: there is none of that name; the message lists those there are.
    """
    try:
        return get_network(arch or "")
    except UnknownNetworkError as error:
        raise BadRequestError(str(error)) from None


def action_of(network: Network, name: str) -> Action:
    """An action of a network.

    Raises:
        NotFoundError: the network has none of that name; the message lists those it has.
    """
    if name not in network.actions:
        raise NotFoundError(f"Action {name} requested not in {','.join(network.actions)}")
    return Action(name)


def schema_of(arch: str, action: str, bases: Iterable[str] = ()) -> dict[str, Any]:
    """The schema of the specs of a network's action; its default suits the base experiments.

    Raises:
        BadRequestError, NotFoundError: there is no such network, or it has no such action.
    """
    network = network_of(arch)
    wanted = action_of(network, action)
    default = with_values(default_spec(network.spec, wanted), defaults_of(bases))
    return action_schema(network.spec, wanted, default)


def merged_epochs(stored: Mapping[str, Any], sent: Mapping[str, int | None]) -> dict[str, Any]:
    """checkpoint_epoch_number with a client's changes; null takes an entry away.

    Clients send back what they have read. The server's own entries are left alone, so that a training that
    ends in between is not undone.

    Raises:
        BadRequestError: a name that is not of the API.
    """
    merged = dict(stored)
    for name, epoch in sent.items():
        if _SET_BY_SERVER.fullmatch(name):
            continue
        if not _SET_BY_CLIENT.fullmatch(name):
            raise BadRequestError(
                f"checkpoint_epoch_number.{name}: is not a name that can be set; to choose an epoch, set "
                "from_epoch_number_JOB, where JOB is the id of a training job"
            )
        if epoch is None:
            merged.pop(name, None)
        else:
            merged[name] = epoch
    return merged


def unique_tags(tags: list[str]) -> list[str]:
    """Tags that differ in more than the case of their letters; the last spelling counts."""
    return list({tag.casefold(): tag for tag in tags}.values())


def checked_automl(settings: AutoML | None) -> dict[str, Any]:
    """Search settings as they are stored: the keys that were sent.

    Raises:
        BadRequestError: the search could not run with them.
    """
    if settings is None:
        return {}
    if settings.automl_enabled:
        for wrong in _automl_problems(settings):
            raise BadRequestError(f"automl_settings.{wrong}")
    return settings.model_dump(mode="json", exclude_unset=True)


def _automl_problems(settings: AutoML) -> list[str]:
    given = {"automl_max_recommendations": 20, "automl_R": 27, "automl_nu": 3, "epoch_multiplier": 1}
    given |= settings.model_dump(include=set(given), exclude_none=True)
    match settings.automl_algorithm:
        case None:
            return [f"automl_algorithm: is needed, one of {', '.join(Algorithm)}"]
        case Algorithm.BAYESIAN:
            minima = {"automl_max_recommendations": 1}
        case Algorithm.HYPERBAND:
            minima = {"automl_R": 2, "automl_nu": 2, "epoch_multiplier": 1}
    problems = [
        f"{name}: must be at least {least}, got {given[name]}"
        for name, least in minima.items()
        if given[name] < least
    ]
    if settings.automl_algorithm is Algorithm.HYPERBAND and given["automl_nu"] > given["automl_R"]:
        problems.append(
            f"automl_nu: must be at most automl_R ({given['automl_R']}), got {given['automl_nu']}"
        )
    return problems
