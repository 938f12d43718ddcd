"""What a training that goes on takes from its earlier attempt, and what it must find as it was."""

from typing import Any

from tunesmith.protocol import Cause
from tunesmith.specs import Block, SpecError, SpecProblem
from tunesmith.specs.block import UNSET_PATH
from tunesmith.specs.paths import value_at
from tunesmith.specs.resuming import MAY_CHANGE
from tunesmith.training.engine.checkpoints import LATEST, TornCheckpointError, load_checkpoint, position_of
from tunesmith.training.engine.takeup import newest_state
from tunesmith.training.engine.weights import workspace_file
from tunesmith.training.failures import JobError
from tunesmith.training.run import Run
from tunesmith.training.verbs.job import Job

RESUME = "train.resume_training_checkpoint_path"
_LEARNING = ("model.", "train.")
_NOT_LEARNING = (RESUME, "results_dir", "num_gpus", "num_nodes", "gpu_ids", "monitor_name")
"""Keys of these sections that do not change what is learnt."""


def saved_state(run: Run) -> dict[str, Any] | None:
    """The newest whole state of an earlier attempt; None if there was none, or it left none.

    Raises:
        StoppedError: asked to stop while looking.
        StorageError: an earlier attempt may have left one, but the workspace cannot be read.
    """
    return None if run.request.attempt == 1 else run.interruptible(lambda: newest_state(run))


def named_state(job: Job) -> dict[str, Any] | None:
    """The state that a checkpoint of another training holds, which the spec names; None if it names none.

    The file becomes the latest checkpoint of this job.

    Raises:
        SpecError: the training was of another network, or its specs differ in what they learn.
        JobError: there is no such file in the workspace, or it is no whole checkpoint of a training.
        StoppedError, StorageError: as `workspace_file`.
    """
    named = job.spec.value(RESUME)
    if named in ("", UNSET_PATH):
        return None
    run = job.run
    fetched = workspace_file(run, named, RESUME)
    try:
        state = load_checkpoint(fetched)
    except TornCheckpointError as error:
        raise JobError(Cause.BAD_SPEC, f"{RESUME}: {error}", "Name another checkpoint.") from error
    if "optimizer" not in state:
        raise JobError(
            Cause.BAD_SPEC,
            f"{RESUME}: {named} is a model alone, without what its training has learnt of it.",
            "Name a checkpoint of a train job, such as results/JOB/model_latest.pth.",
        )
    _require_same_learning(job, state)
    latest = run.results / LATEST
    latest.parent.mkdir(parents=True, exist_ok=True)
    fetched.replace(latest)
    epochs, steps = position_of(state)
    run.note(f"The training goes on after epoch {epochs}, step {steps} of the next one, from {named}.")
    return state


def _require_same_learning(job: Job, state: dict[str, Any]) -> None:
    if state["network"] != job.network.arch:
        rule = f"must name a checkpoint of {job.network.arch}; this one is of {state['network']}"
        raise SpecError([SpecProblem(RESUME, rule, job.spec.value(RESUME))])
    given = job.spec.model_dump(mode="json")
    problems = []
    for path, _ in job.spec.leaves():
        if not path.startswith(_LEARNING) or path in MAY_CHANGE or path.endswith(_NOT_LEARNING):
            continue
        now = value_at(given, path)
        before = value_at(state["spec"], path, now)
        if before != now:
            problems.append(SpecProblem(path, f"must be {before!r}, as in the checkpoint of {RESUME}", now))
    if problems:
        raise SpecError(problems)


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
