"""Smaller and faster models on a real server: engines, distillation, pruning and retraining."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from tests.live_server import Server
from tests.training.jobs import SMALL, nested
from tests.training.verbs.test_verb_prune import TF2

from tunesmith.client import Client
from tunesmith.client.models import Job

PYT = SMALL | {"dataset.batch_size": 16, "train.num_epochs": 6}
CLASSES = json.dumps({str(digit): digit for digit in range(10)})


@pytest.fixture(scope="module")
def client(server: Server) -> Iterator[Client]:
    with Client(server.url, org=server.org, api_key=server.api_key) as client:
        yield client


def experiment(client: Client, server: Server, digits: Path, network: str) -> str:
    """An experiment on digits, with all of its datasets."""
    folder = server.root / f"optimised_{network}"
    (folder / "digits").mkdir(parents=True)
    for path in digits.iterdir():
        (folder / "digits" / path.name).write_bytes(path.read_bytes())
    (folder / "digits" / "classmap.json").write_text(CLASSES)
    space = client.workspaces.create(folder.name, "self_hosted", {"path": str(folder)})
    dataset = client.datasets.create(
        "image_classification", network, workspace=space.id, cloud_file_path="/digits"
    )
    assert client.datasets.wait(dataset.id).usable
    ids = dict.fromkeys(("eval_dataset", "inference_dataset", "calibration_dataset"), dataset.id)
    return client.experiments.create(network, workspace=space.id, train_datasets=[dataset.id], **ids).id


def done(client: Client, owner: str, action: str, keys: dict[str, Any], parent: Job | None = None) -> Job:
    job = client.jobs.wait(client.jobs.create(owner, action, nested(keys), parent=parent), interval=0.1)
    assert job.status == "Done", client.jobs.logs(job)
    return job


def outcome(job: Job) -> dict[str, Any]:
    found: dict[str, Any] = job.job_details[job.id]["outcome"]
    return found


def test_a_model_is_distilled_exported_and_built_into_an_int8_engine(client, server, digits_dataset):
    owner = experiment(client, server, digits_dataset, "classification_pyt")
    teacher = done(client, owner, "train", PYT)
    student = done(client, owner, "distill", PYT | {"model.backbone.type": "test_efficientnet"}, teacher)
    graph = done(client, owner, "export", PYT, student)
    engine = done(client, owner, "gen_trt_engine", {"gen_trt_engine.tensorrt.data_type": "INT8"}, graph)
    built = outcome(engine)
    assert (built["engine"], built["precision"]) == ("OpenVINO", "int8")
    before, after = (values["val_acc_1"] for values in built["accuracy"].values())
    assert after >= before - 0.02
    assert {"model.engine", "engine.json", "calibration.json"} <= {
        Path(name).name for name in client.jobs.files(engine)
    }
    found = done(client, owner, "inference", PYT, engine)
    assert outcome(found)["engine"] == "OpenVINO in int8"


def test_a_model_of_the_older_dialect_is_pruned_and_retrained(client, server, digits_dataset):
    owner = experiment(client, server, digits_dataset, "classification_tf2")
    whole = done(client, owner, "train", TF2 | {"train.num_epochs": 4})
    keys = {"prune.threshold": 0.84, "prune.equalization_criterion": "arithmetic_mean"}
    smaller = done(client, owner, "prune", TF2 | keys, whole)
    assert outcome(smaller)["flops"]["after"] < outcome(smaller)["flops"]["before"]
    again = done(client, owner, "retrain", TF2 | {"train.num_epochs": 4}, smaller)
    assert outcome(done(client, owner, "evaluate", TF2, again))["metrics"]["val_accuracy"] > 0.3
    assert again.job_details[again.id]["key_metric"] > 0.3, "chance is 0.1"
