"""Which of an experiment's docker_env_vars its jobs get.

A variable can make a program load code, write files or choose another device, and workers are processes of
this machine. So they get the names that are known to do none of that, and those that the operator allows.
"""

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from fnmatch import fnmatchcase
from urllib.parse import urlsplit

from tunesmith.storage.reach import AddressRefusedError, refuse_own_network

_ADDRESSES = frozenset(
    {
        "CLEARML_API_HOST",
        "CLEARML_FILES_HOST",
        "CLEARML_WEB_HOST",
        "MLFLOW_TRACKING_URI",
        "WANDB_BASE_URL",
    }
)
_TRACKING = _ADDRESSES | {
    "CLEARML_API_ACCESS_KEY",
    "CLEARML_API_SECRET_KEY",
    "MLFLOW_EXPERIMENT_NAME",
    "MLFLOW_TRACKING_INSECURE_TLS",
    "MLFLOW_TRACKING_PASSWORD",
    "MLFLOW_TRACKING_TOKEN",
    "MLFLOW_TRACKING_USERNAME",
    "WANDB_API_KEY",
    "WANDB_ENTITY",
    "WANDB_MODE",
    "WANDB_NAME",
    "WANDB_NOTES",
    "WANDB_PROJECT",
    "WANDB_RUN_GROUP",
    "WANDB_TAGS",
}


@dataclass(frozen=True)
class JobEnvironment:
    """What the jobs of an experiment get, and for each of the other names why they do not."""

    passed: Mapping[str, str]
    withheld: Mapping[str, str]


def job_environment(variables: Mapping[str, str | None], allowed: Collection[str]) -> JobEnvironment:
    """Sort an experiment's variables. `allowed` are the operator's names; * stands for anything."""
    given = {name: value for name, value in variables.items() if value is not None}
    withheld = {name: why for name, value in given.items() if (why := _obstacle(name, value, allowed))}
    return JobEnvironment({name: given[name] for name in given.keys() - withheld.keys()}, withheld)


def _obstacle(name: str, value: str, allowed: Collection[str]) -> str:
    if "\0" in value or "=" in name or not name:
        return "it is no variable of an environment"
    if any(fnmatchcase(name, pattern) for pattern in allowed):
        return ""
    if name not in _TRACKING:
        return "the server's operator has not allowed it in TUNESMITH_JOB_VARIABLES"
    return _address_obstacle(value) if name in _ADDRESSES else ""


def _address_obstacle(url: str) -> str:
    """Trackers can keep their records in files too, which would be this machine's."""
    try:
        parts = urlsplit(url)
        if parts.scheme not in {"http", "https"} or not parts.hostname:
            return "it must be an address with http:// or https://"
        refuse_own_network(parts.hostname)
    except ValueError:
        return "it is no address"
    except AddressRefusedError as error:
        return str(error)
    return ""
