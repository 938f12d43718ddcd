"""ClearML, recorded by a stand-in for its package, which needs a server."""

import sys
from typing import Any
from unittest.mock import MagicMock

import pytest
from tests.training.jobs import Bench, nested, notes_of

from tunesmith.networks.classification_tf2.spec import ClassificationTf2Spec
from tunesmith.specs import validate_spec
from tunesmith.training.engine.sinks import background, choice, sinks_for
from tunesmith.training.engine.sinks.base import Ending
from tunesmith.training.run import Run

KEY = "CLEARML_API_ACCESS_KEY"
NAMED: dict[str, Any] = {
    "train.clearml.project": "digits",
    "train.clearml.task": "first",
    "train.clearml.tags": ["a"],
    "train.clearml.reuse_last_task_id": True,
    "train.clearml.continue_last_task": True,
    "train.clearml.deferred_init": True,
}


@pytest.fixture
def task(monkeypatch: pytest.MonkeyPatch) -> MagicMock:
    """ClearML's class of tasks."""
    package = MagicMock()
    package.Task.query_tasks.return_value = ["the task of the first attempt"]
    monkeypatch.setitem(sys.modules, "clearml", package)
    monkeypatch.setattr(choice, "find_spec", lambda name: name == "clearml")
    monkeypatch.setattr(background, "PATIENCE", dict.fromkeys(Ending, 120.0))
    monkeypatch.setenv(KEY, "secret")
    return package.Task


def report(run: Run, keys: dict[str, Any]) -> None:
    with sinks_for(run, validate_spec(ClassificationTf2Spec, nested(keys))) as sinks:
        sinks.record(1, {"val_loss": 0.5})


def test_the_keys_say_where_the_curves_go(bench: Bench, task: MagicMock):
    run = bench.prepare("train", {}, network="classification_tf2")
    report(run, NAMED)
    told = task.init.call_args.kwargs
    own = f"tunesmith {run.request.job_id}"
    assert (told["project_name"], told["task_name"], told["tags"]) == ("digits", "first", ["a", own])
    assert told["reuse_last_task_id"]
    assert told["continue_last_task"] is True
    assert told["deferred_init"]
    logger = task.init.return_value.get_logger.return_value
    logger.report_scalar.assert_called_once_with(title="val_loss", series="val_loss", value=0.5, iteration=1)
    task.init.return_value.close.assert_called_once()
    task.query_tasks.assert_not_called()
    assert not notes_of(run)


def test_a_job_that_goes_on_goes_on_with_its_task(bench: Bench, task: MagicMock):
    run = bench.prepare("train", {}, network="classification_tf2")
    again = run.request.model_copy(update={"attempt": 2})
    run.folder.create(again)
    report(Run(run.folder), {})
    assert task.query_tasks.call_args.kwargs["tags"] == [f"tunesmith {run.request.job_id}"]
    assert task.init.call_args.kwargs["continue_last_task"] == "the task of the first attempt"


@pytest.mark.parametrize(
    ("key", "installed", "keys", "said"),
    [
        ("", True, {}, None),
        ("", True, NAMED, "there is no CLEARML_API_ACCESS_KEY in the experiment's docker_env_vars"),
        ("secret", False, NAMED, "pip install 'tunesmith[clearml]'"),
    ],
)
def test_what_is_missing_is_said(bench: Bench, task: MagicMock, monkeypatch, key, installed, keys, said):
    monkeypatch.setenv(KEY, key)
    if not installed:
        monkeypatch.setattr(choice, "find_spec", lambda _: None)
    run = bench.prepare("train", {}, network="classification_tf2")
    report(run, keys)
    task.init.assert_not_called()
    notes = [note for note in notes_of(run) if "ClearML" in note]
    assert len(notes) == (said is not None)
    assert all(str(said) in note for note in notes)
