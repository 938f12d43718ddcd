"""What of a paused training may be another when it goes on."""

from typing import Any

from tunesmith.networks import get_network
from tunesmith.server.jobs.details import Details
from tunesmith.server.jobs.tables import Job
from tunesmith.server.kit.errors import BadRequestError, SpecsRefusedError
from tunesmith.specs import Block, SpecError, validate_spec
from tunesmith.specs.resuming import MAY_CHANGE

_EPOCHS = "train.num_epochs"


def resumed_specs(job: Job, sent: dict[str, Any]) -> dict[str, Any]:
    """The specs with which a paused job goes on. Keys that are not sent stay as they are.

    Raises:
        BadRequestError: a key is no key of the network, or may not change in the middle of a training.
    """
    spec = get_network(job.network or "").spec
    before = validate_spec(spec, job.specs)
    try:
        after = validate_spec(spec, _merged(spec, job.specs, sent))
    except SpecError as error:
        raise SpecsRefusedError(error) from None
    changed = [path for path, _ in before.leaves() if before.value(path) != after.value(path)]
    if fixed := [path for path in changed if path not in MAY_CHANGE]:
        raise BadRequestError(
            f"specs: {', '.join(fixed)}: cannot change in the middle of a training; {', '.join(MAY_CHANGE)} "
            "may. Resume without the others, or post a new job"
        )
    reached = Details.load(job.details).epoch
    if _EPOCHS in changed and after.value(_EPOCHS) < reached:
        raise BadRequestError(
            f"specs: {_EPOCHS}: must be at least {reached}, the epoch in which the job was paused, "
            f"got {after.value(_EPOCHS)}"
        )
    return after.model_dump(mode="json", include={*job.specs, *sent})


def _merged(spec: type[Block], stored: dict[str, Any], sent: dict[str, Any]) -> dict[str, Any]:
    """Sections are merged key by key; a value is replaced whole, an object too."""
    sections = spec.sections()
    merged = dict(stored)
    for name, value in sent.items():
        old = stored.get(name)
        if name in sections and isinstance(value, dict) and isinstance(old, dict):
            merged[name] = _merged(sections[name], old, value)
        else:
            merged[name] = value
    return merged
