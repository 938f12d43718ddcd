"""The command line against a real server, from login to downloaded predictions."""

import json
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
from tests.live_server import Server
from typer.testing import CliRunner

from tunesmith.client import BadRequestError, Client, JobFailedError, NotFoundError, UnauthorizedError
from tunesmith.client.commands import ExitCode, build

Say = Callable[..., str]


@pytest.fixture
def say(server: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Say:
    """A command line that is logged in; what a command printed, which must have ended well."""
    monkeypatch.setenv("TUNESMITH_CONFIG", str(tmp_path / "config" / "config.json"))

    def run(*words: object, code: ExitCode = ExitCode.OK) -> str:
        result = CliRunner().invoke(build(), [str(word) for word in words])
        assert result.exit_code == code, result.output
        return (result.stdout if code == ExitCode.OK else result.stderr).strip()

    run("login", "--url", server.url, "--org", server.org, "--api-key", server.api_key)
    return run


@pytest.fixture
def workspace(server: Server, say: Say, digits_dataset: Path) -> str:
    folder = server.folder("cli")
    shutil.copytree(digits_dataset, folder / "data" / "digits")
    return say("workspaces", "create", "--name", "cli", "--path", folder)


def test_a_model_is_trained_and_used_by_commands_alone(say: Say, workspace: str, tmp_path: Path):
    kind = ["--type", "image_classification", "--format", "classification_pyt"]
    dataset = say("datasets", "create", "--workspace", workspace, *kind, "--path", "/data/digits", "--wait")
    assert json.loads(say("datasets", "show", dataset, "--json"))["status"] == "pull_complete"
    assert "images\ttest 100 train 300 val 100" in say("datasets", "show", dataset)
    datasets = ["--train", dataset, "--eval", dataset, "--inference", dataset]
    experiment = say("experiments", "create", "classification_pyt", "--workspace", workspace, *datasets)
    assert experiment in say("experiments", "list")

    model = ["--set", "model.backbone.type=resnet10t", "--set", "dataset.img_size=32"]
    train = say("jobs", "run", experiment, "train", *model, "--set", "train.num_epochs=1", "--watch")
    assert "val_acc_1" in say("jobs", "show", train)
    assert "epoch 1/1" in say("jobs", "logs", train)
    assert any(line.endswith("model_best.pth") for line in say("jobs", "files", train).splitlines())

    inference = say("jobs", "run", experiment, "inference", *model, "--parent", train, "--watch")
    say("jobs", "download", inference, "--to", tmp_path / "all")
    assert len(json.loads((tmp_path / "all" / "predictions.json").read_text())["predictions"]) == 100
    say("jobs", "download", inference, "--file", "predictions.csv", "--to", tmp_path / "one")
    assert [path.name for path in (tmp_path / "one").iterdir()] == ["predictions.csv"]
    assert [line.split("\t")[1:3] for line in say("jobs", "list", experiment).splitlines()] == [
        ["inference", "Done"],
        ["train", "Done"],
    ]

    for kind_of_thing, identity in (
        ("experiments", experiment),
        ("datasets", dataset),
        ("workspaces", workspace),
    ):
        say(kind_of_thing, "delete", identity)
        say(kind_of_thing, "show", identity, code=ExitCode.NOT_FOUND)


def test_a_wrong_spec_is_refused_key_by_key(say: Say, workspace: str):
    experiment = say("experiments", "create", "classification_pyt", "--workspace", workspace)
    edits = ["--set", "train.num_epoch=3", "--set", 'dataset.img_size="big"']
    said = say("jobs", "run", experiment, "train", *edits, code=ExitCode.FAILED)
    assert "train.num_epoch" in said
    assert "Did you mean train.num_epochs?" in said
    assert "dataset.img_size" in said


def test_an_unusable_dataset_says_why(say: Say, workspace: str):
    kind = ["--type", "image_classification", "--format", "classification_pyt"]
    words = ["datasets", "create", "--workspace", workspace, *kind, "--path", "/data/missing", "--wait"]
    said = say(*words, code=ExitCode.FAILED)
    assert "cannot be used" in said
    assert "/data/missing" in said or "images_train.tar.gz" in said


def test_the_machine_is_described(say: Say):
    assert json.loads(say("version", "--json"))["server"]
    assert isinstance(json.loads(say("gpu-types", "--json")), dict)


def test_the_sdk_pages_through_more_than_one_page(server: Server):
    with Client(server.url, server.org, api_key=server.api_key) as client:
        folder = server.folder("many")
        made = {
            client.workspaces.create(f"many {number}", "self_hosted", {"path": str(folder)}).id
            for number in range(101)
        }
        found = [one.id for one in client.workspaces.list()]
        assert made <= set(found)
        assert len(found) == len(set(found))
        for identity in made:
            client.workspaces.delete(identity)


def test_the_sdk_cancels_a_running_job(server: Server, say: Say, workspace: str):
    with Client(server.url, server.org, api_key=server.api_key) as client:
        dataset = client.datasets.create(
            "image_classification", "classification_pyt", workspace=workspace, cloud_file_path="/data/digits"
        )
        client.datasets.wait(dataset.id, interval=0.1, timeout=60)
        experiment = client.experiments.create("classification_pyt", workspace=workspace)
        client.experiments.update(experiment.id, train_datasets=[dataset.id])
        specs = client.experiments.default_spec(experiment.id, "train")
        specs["model"]["backbone"]["type"] = "resnet10t"
        specs["dataset"]["img_size"] = 32
        job = client.jobs.create(experiment.id, "train", specs)
        for state in client.jobs.follow(job, interval=0.1, timeout=120):
            if state.status == "Running":
                client.jobs.cancel(state)
                break
        with pytest.raises(JobFailedError, match="ended as Canceled"):
            client.jobs.wait(job, interval=0.1, timeout=60)
        client.jobs.delete(job)
        with pytest.raises(NotFoundError):
            client.jobs.refresh(job)


def test_the_sdk_says_who_is_refused_and_why(server: Server):
    with Client(server.url, server.org, api_key="wrong") as stranger, pytest.raises(UnauthorizedError):
        stranger.workspaces.list()
    with Client(server.url, server.org, api_key=server.api_key) as client:
        assert client.health()
        with pytest.raises(BadRequestError, match="cloud_type"):
            client.workspaces.create("x", "nonsense")
        with pytest.raises(NotFoundError):
            client.datasets.get("00000000-0000-4000-8000-000000000000")
