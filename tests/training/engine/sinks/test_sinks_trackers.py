"""Trainings that report to real trackers, as these keep their records on disk."""

import json
import threading
from pathlib import Path
from typing import Any

import pytest
from mlflow.tracking import MlflowClient
from tests.training.engine.sinks.wandb_files import history, is_whole, records, run_of
from tests.training.jobs import SMALL, Bench, events_of, notes_of
from tests.workers.yard import until

from tunesmith.protocol import DatasetInput, Metrics
from tunesmith.training.actions import run_action
from tunesmith.training.engine.sinks import background, choice
from tunesmith.training.engine.sinks.base import Ending
from tunesmith.training.failures import StoppedError
from tunesmith.training.run import Run

KEY = "0123456789abcdef0123456789abcdef01234567"


@pytest.fixture(autouse=True)
def untouched(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    for name in ("WANDB_API_KEY", "WANDB_MODE", "MLFLOW_TRACKING_URI", "MLFLOW_EXPERIMENT_NAME"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("HOME", str(tmp_path))


@pytest.fixture
def patient(monkeypatch: pytest.MonkeyPatch) -> None:
    """These tests are about what a tracker gets, not about how long a slow machine takes."""
    monkeypatch.setattr(background, "PATIENCE", dict.fromkeys(Ending, 120.0))
    monkeypatch.setattr(background, "UNHEARD_PATIENCE", 120.0)


class StopsAfter(threading.Event):
    """Asks a training to stop once it has reported so many epochs."""

    def __init__(self, epochs: int) -> None:
        super().__init__()
        self.left = epochs

    def seen(self, run: Run) -> None:
        report = run.report

        def counted(event: object) -> None:
            report(event)  # type: ignore[arg-type]
            if isinstance(event, Metrics) and event.epoch is not None:
                self.left -= 1
                if self.left == 0:
                    self.set()

        run.report = counted  # type: ignore[method-assign]


def interrupted_and_resumed(bench: Bench, digits: DatasetInput, **keys: Any) -> Run:
    """A training of three epochs that was stopped after the first one, and then went on to its end."""
    specs = SMALL | {"train.num_epochs": 3} | keys
    stop = StopsAfter(1)
    first = bench.prepare("train", specs, stop=stop, train_datasets=(digits,), eval_dataset=digits)
    stop.seen(first)
    with pytest.raises(StoppedError):
        run_action(first)
    again = first.request.model_copy(update={"attempt": 2})
    first.folder.create(again)
    second = Run(first.folder)
    run_action(second)
    return second


def measured(run: Run) -> dict[int, dict[str, float | None]]:
    events = [event for event in events_of(run) if isinstance(event, Metrics)]
    return {event.epoch: event.values for event in events if event.epoch is not None}


@pytest.mark.usefixtures("patient")
def test_weights_and_biases_gets_the_curves_of_one_run_over_a_resume(
    bench: Bench, digits: DatasetInput, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
):
    monkeypatch.setenv("WANDB_MODE", "offline")
    monkeypatch.setenv("WANDB_API_KEY", KEY)
    monkeypatch.setenv("WANDB_ENTITY", "the-lab")
    sent = {"wandb.save_code": True, "wandb.sync_tensorboard": True, "train.tensorboard.enabled": True}
    named = {"wandb.project": "digits", "wandb.tags": ["a", "b"]}
    run = interrupted_and_resumed(bench, digits, **named, **sent)
    files = sorted(run.results.glob("wandb/attempt_*/wandb/offline-run-*/*.wandb"))
    assert len(files) == 2
    until(lambda: all(is_whole(file) for file in files))  # another process writes them
    assert {run_of(file).run_id for file in files} == {str(run.request.job_id)}
    about = run_of(files[0])
    assert (about.project, about.entity, list(about.tags)) == ("digits", "the-lab", ["a", "b"])
    assert about.display_name == "TAO Toolkit Training"
    config = {one.key: json.loads(one.value_json) for one in about.config.update}
    assert config["train"]["num_epochs"] == 3
    assert not {"wandb", "encryption_key"} & set(config)
    logged = [step for file in files for step in history(file)]
    assert {step["epoch"]: step["val_acc_1"] for step in logged} == {
        epoch: values["val_acc_1"] for epoch, values in measured(run).items()
    }
    assert set(logged[0]) >= {"train_loss", "lr", "val_loss", "val_acc_1"}
    events = {path.name for path in (run.results / "tensorboard").iterdir()}
    assert events
    assert events <= {path.name for path in files[0].parents[2].rglob("files/tensorboard/*")} | {
        path.name for path in files[1].parents[2].rglob("files/tensorboard/*")
    }
    assert {"code"} == {
        record.artifact.type for record in records(files[0]) if record.WhichOneof("record_type") == "artifact"
    }
    assert not [note for note in notes_of(run) if "Weights" in note]
    written = [path for path in (*run.folder.root.rglob("*"), *tmp_path.rglob("*")) if path.is_file()]
    assert not [path for path in written if KEY.encode() in path.read_bytes()]


@pytest.mark.usefixtures("patient")
def test_mlflow_gets_the_curves_of_one_run_over_a_resume(
    bench: Bench, digits: DatasetInput, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
):
    uri = f"sqlite:///{tmp_path / 'mlflow.db'}"
    monkeypatch.setenv("MLFLOW_TRACKING_URI", uri)
    monkeypatch.setenv("MLFLOW_EXPERIMENT_NAME", "digits")
    run = interrupted_and_resumed(bench, digits)
    client = MlflowClient(tracking_uri=uri)
    experiment = client.get_experiment_by_name("digits")
    assert experiment is not None
    (found,) = client.search_runs([experiment.experiment_id])
    assert found.info.status == "FINISHED"
    assert found.data.tags["tunesmith.job"] == str(run.request.job_id)
    assert found.data.params["train.num_epochs"] == "3"
    assert "encryption_key" not in found.data.params
    curve = client.get_metric_history(found.info.run_id, "val_acc_1")
    assert {point.step: point.value for point in curve} == {
        epoch: values["val_acc_1"] for epoch, values in measured(run).items()
    }


@pytest.mark.parametrize(
    ("variables", "keys", "installed", "said"),
    [
        ({}, {}, True, None),  # nobody has asked for it: enabled is the default
        ({"WANDB_API_KEY": KEY}, {"wandb.enable": False}, False, None),
        (
            {},
            {"wandb.project": "digits"},
            True,
            "there is no WANDB_API_KEY in the experiment's docker_env_vars",
        ),
        ({"WANDB_API_KEY": KEY}, {}, False, "pip install 'tunesmith[wandb]'"),
        ({"MLFLOW_TRACKING_URI": "http://127.0.0.1:9"}, {}, False, "pip install 'tunesmith[mlflow]'"),
    ],
)
def test_what_is_missing_is_said_once_and_the_training_goes_on(
    bench: Bench, digits: DatasetInput, monkeypatch: pytest.MonkeyPatch, variables, keys, installed, said
):
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    if not installed:
        monkeypatch.setattr(choice, "find_spec", lambda _: None)
    job = bench.run("train", SMALL | keys, train_datasets=(digits,), eval_dataset=digits)
    notes = [note for note in job.notes if note.startswith("Nothing goes to")]
    assert len(notes) == (said is not None)
    assert all(str(said) in note for note in notes)


def test_a_tracker_that_cannot_be_reached_is_left_out(
    bench: Bench, digits: DatasetInput, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setenv("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "0")
    monkeypatch.setenv("MLFLOW_TRACKING_URI", "http://ada:pass-word@127.0.0.1:9")
    job = bench.run("train", SMALL, train_datasets=(digits,), eval_dataset=digits)
    (note,) = [note for note in job.notes if note.startswith("MLflow is left out from here on")]
    assert "pass-word" not in note
    assert job.outcome["epochs"] == 1
