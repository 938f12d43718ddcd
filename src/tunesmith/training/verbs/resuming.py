"""What a training that goes on takes from its earlier attempt, and what it must find as it was."""

from typing import Any

from tunesmith.protocol import Cause
from tunesmith.specs import Block
from tunesmith.specs.resuming import MAY_CHANGE
from tunesmith.training.engine.takeup import newest_state
from tunesmith.training.failures import JobError
from tunesmith.training.run import Run


def saved_state(run: Run) -> dict[str, Any] | None:
    """The newest whole state of an earlier attempt; None if there was none, or it left none.

    Raises:
        StoppedError: asked to stop while looking.
        StorageError: an earlier attempt may have left one, but the workspace cannot be read.
    """
    return None if run.request.attempt == 1 else run.interruptible(lambda: newest_state(run))


def require_same_data(saved: dict[str, Any], classes: tuple[str, ...], summary: str) -> None:
    """A training that was moved to another machine has fetched its datasets again from where they lie.

    Raises:
        JobError: they are others by now.
    """
    before = (saved["classes"], saved.get("data", summary))
    if before != (list(classes), summary):
        raise JobError(
            Cause.BAD_DATA,
            f"The training cannot go on with other data: it began with {before[1]} ({', '.join(before[0])}), "
            f"and there are {summary} ({', '.join(classes)}) now.",
            "Bring the datasets back to what they were, or post a new job to train on them as they are now.",
        )


def note_changes(run: Run, saved: dict[str, Any], spec: Block) -> None:
    """Tell what is different from here on, and what that does to the learning rate."""
    for path in MAY_CHANGE:
        before, now = _value(saved["spec"], path), spec.value(path)
        if before != now:
            run.note(f"{path} was {before} and is {now} from here on.")
    if _value(saved["spec"], MAY_CHANGE[0]) != spec.value(MAY_CHANGE[0]):
        run.note(
            "A learning rate that falls over the whole training (train.optim.policy linear or cosine) goes "
            f"on as in a training of {spec.value(MAY_CHANGE[0])} epochs."
        )


def _value(spec: dict[str, Any], path: str) -> Any:
    for name in path.split("."):
        spec = spec[name]
    return spec
