"""A child uses the very checkpoint that its experiment chooses: what it measures tells the weights apart."""

import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
from tests.live_server import Server
from tests.training.jobs import SMALL, nested

from tunesmith.client import Client
from tunesmith.client.models import Job

EPOCHS = 4
# The learning rate jumps with the last epoch and spoils the model: the best epoch is not the latest.
SPECS = nested(
    SMALL
    | {
        "train.num_epochs": EPOCHS,
        "train.optim.policy": "multistep",
        "train.optim.policy_params": {"milestones": [EPOCHS - 1], "gamma": 100.0},
        "train.checkpoint_interval": 2,
        "dataset.batch_size": 16,
    }
)


@dataclass
class Lab:
    """An experiment on a real server, with a training that is done."""

    server: Server
    client: Client
    experiment: str
    training: Job

    @property
    def path(self) -> str:
        return f"/experiments/{self.experiment}"

    @property
    def losses(self) -> dict[int, float]:
        """The loss on the validation images by epoch, which are those that children evaluate on."""
        return {int(epoch): value for epoch, value in self.training.progress.curves["val_loss"].items()}

    def choose(self, method: str, **epochs: int) -> None:
        named = {f"{name}_{self.training.id}": epoch for name, epoch in epochs.items()}
        body = {"checkpoint_choose_method": method, "checkpoint_epoch_number": named}
        reply = self.server.api("PATCH", self.path, json=body)
        assert reply.status_code == 200, reply.text

    def child(self, action: str, parent: Job | None = None) -> Job:
        specs = {"dataset": {"batch_size": 16}} if action == "evaluate" else None
        job = self.client.jobs.create(self.experiment, action, specs, parent=parent or self.training)
        return self.client.jobs.wait(job, interval=0.1, timeout=120)


def measured(job: Job) -> float:
    loss = job.progress.results["val_loss"]
    assert loss is not None
    return loss


@pytest.fixture(scope="module")
def lab(server: Server, digits_dataset: Path) -> Iterator[Lab]:
    folder = server.folder(f"chosen-{uuid4()}")
    shutil.copytree(digits_dataset, folder / "digits")
    with Client(server.url, org=server.org, api_key=server.api_key) as client:
        space = client.workspaces.create("chosen", "self_hosted", {"path": str(folder)})
        dataset = client.datasets.create(
            "image_classification", "classification_pyt", workspace=space.id, cloud_file_path="/digits"
        )
        client.datasets.wait(dataset.id, timeout=60)
        fields: dict[str, Any] = {
            "train_datasets": [dataset.id],
            "eval_dataset": dataset.id,
            "metric": "val_loss",
        }
        experiment = client.experiments.create("classification_pyt", workspace=space.id, **fields)
        training = client.jobs.create(experiment.id, "train", SPECS)
        yield Lab(server, client, experiment.id, client.jobs.wait(training, interval=0.1, timeout=240))


def test_a_loss_chooses_the_epoch_in_which_it_is_smallest(lab: Lab):
    best = min(lab.losses, key=lab.losses.__getitem__)
    assert best not in {EPOCHS, max(lab.losses, key=lab.losses.__getitem__)}
    numbers = lab.server.api("GET", lab.path).json()["checkpoint_epoch_number"]
    assert numbers[f"best_model_{lab.training.id}"] == best
    assert numbers[f"latest_model_{lab.training.id}"] == EPOCHS
    assert lab.training.job_details[lab.training.id]["outcome"]["best_epoch"] == best


@pytest.mark.shows("GET /experiments/{experiment_id}/jobs/{job_id}:get_epoch_numbers")
def test_the_epochs_that_are_kept_are_listed(lab: Lab):
    reply = lab.server.api("GET", f"{lab.path}/jobs/{lab.training.id}:get_epoch_numbers")
    assert reply.json()["data"] == [2, 4]


@pytest.mark.parametrize("method", ["best_model", "latest_model", "from_epoch_number"])
def test_a_child_evaluates_the_checkpoint_that_is_chosen(lab: Lab, method: str):
    wanted = {"best_model": min(lab.losses, key=lab.losses.__getitem__), "latest_model": EPOCHS}.get(
        method, 2
    )
    lab.choose(method, from_epoch_number=2)
    assert measured(lab.child("evaluate")) == pytest.approx(lab.losses[wanted], rel=1e-6)
    others = [loss for epoch, loss in lab.losses.items() if epoch != wanted]
    assert all(loss != pytest.approx(lab.losses[wanted], rel=1e-3) for loss in others)


@pytest.mark.parametrize(("method", "wanted"), [("latest_model", EPOCHS), ("from_epoch_number", 2)])
def test_an_exported_graph_is_that_of_the_checkpoint_that_is_chosen(lab: Lab, method: str, wanted: int):
    lab.choose(method, from_epoch_number=2)
    exported = lab.child("export")
    assert measured(lab.child("evaluate", exported)) == pytest.approx(lab.losses[wanted], rel=1e-3)


def test_an_epoch_that_was_not_kept_is_refused_with_those_that_were(lab: Lab):
    lab.choose("from_epoch_number", from_epoch_number=3)
    job = lab.client.jobs.create(lab.experiment, "evaluate", parent=lab.training)
    with pytest.raises(Exception, match="There are checkpoints of the epochs 2, 4"):
        lab.client.jobs.wait(job, interval=0.1, timeout=60)
