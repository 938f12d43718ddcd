"""What the published notebooks and the published command-line client send, in their order and manner.

They send JSON without a Content-Type, go through /default as some of them do, print each reply as JSON,
and take only 200 or 201 for success.
"""

import ast
import json
import time
from pathlib import Path
from typing import Any

import httpx
from tests.e2e.test_whole_path import LEARNING
from tests.live_server import Server
from tests.s3_services import S3Server
from tests.training.jobs import nested

from tunesmith.storage.files import Files
from tunesmith.storage.locations import Location, S3Store

SPLITS = {"train": "training", "val": "evaluation", "test": "testing"}


class Notebook:
    """A person's session: replies are checked as the notebooks check them."""

    def __init__(self, server: Server) -> None:
        self.http = httpx.Client(timeout=60)
        self.base = f"{server.url}/default/api/v1"
        body = {"ngc_org_name": server.org, "ngc_key": server.api_key, "enable_telemetry": True}
        login = self.http.post(f"{self.base}/login", content=json.dumps(body)).json()
        assert login["user_id"]
        self.base += f"/orgs/{server.org}"
        self.http.headers["Authorization"] = f"Bearer {login['token']}"

    def ask(self, method: str, path: str, body: Any = None, **query: Any) -> Any:
        content = None if body is None else json.dumps(body)
        reply = self.http.request(method, f"{self.base}/{path}", content=content, params=query)
        assert reply.status_code in {200, 201}, reply.text
        found = reply.json()
        # The command line prints Python's repr, and reads it back.
        assert ast.literal_eval(repr(found)) == found
        json.dumps(found, sort_keys=True)
        return found

    def dataset(self, workspace: str, path: str, use: str) -> str:
        body = {
            "type": "image_classification",
            "format": "classification_pyt",
            "workspace": workspace,
            "cloud_file_path": path,
            "use_for": [use],
        }
        identity: str = self.ask("POST", "datasets", body)["id"]
        while (status := self.ask("GET", f"datasets/{identity}")["status"]) != "pull_complete":
            assert status != "invalid_pull"
            time.sleep(0.05)
        return identity

    def job(self, experiment: str, action: str, parent: str | None, **edits: Any) -> str:
        schema = self.ask("GET", f"experiments/{experiment}/specs/{action}/schema")
        assert isinstance(schema["automl_default_parameters"], list)
        specs = schema["default"]
        assert "'" not in json.dumps(specs)  # it goes through a shell
        for section, values in nested(edits).items():
            merge(specs[section], values)
        body = {"parent_job_id": parent, "action": action, "specs": specs}
        job = self.ask("POST", f"experiments/{experiment}/jobs", body)
        assert isinstance(job, str)
        while True:
            found = self.ask("GET", f"experiments/{experiment}/jobs/{job}")
            assert found["status"] != "Error", found
            assert "job_details" in found
            if found["status"] in {"Done", "Canceled", "Paused"}:
                return job
            time.sleep(0.1)


def merge(section: dict[str, Any], edits: dict[str, Any]) -> None:
    for name, value in edits.items():
        if isinstance(value, dict):
            merge(section[name], value)
        else:
            section[name] = value


def test_the_sequence_of_the_notebooks(server: Server, s3_server: S3Server, digits_dataset: Path):
    bucket = s3_server.bucket()
    store = S3Store(id="any", bucket=bucket, endpoint_url=s3_server.url)
    for split in SPLITS:
        place = Files(Location(store=store, prefix=f"data/classification_{split}"), s3_server.secrets)
        for file in digits_dataset.iterdir():
            place.write(file.name, file.read_bytes())
    note = Notebook(server)
    details = {
        "cloud_region": "us-east-1",
        "cloud_bucket_name": bucket,
        "access_key": s3_server.secrets["access_key"],
        "secret_key": s3_server.secrets["secret_key"],
    }
    space = note.ask(
        "POST",
        "workspaces",
        {"name": "AWS workspace info", "cloud_type": "aws", "cloud_specific_details": details},
    )["id"]
    train, val, test = (
        note.dataset(space, f"/data/classification_{split}", use) for split, use in SPLITS.items()
    )
    listed = note.ask("GET", "datasets")["datasets"]
    assert all({"id", "type", "format", "name"} <= one.keys() for one in listed)

    body = {"network_arch": "classification_pyt", "encryption_key": "nvidia_tlt", "workspace": space}
    experiment = note.ask("POST", "experiments", body | {"checkpoint_choose_method": "best_model"})["id"]
    path = f"experiments/{experiment}"
    mine = note.ask("GET", "experiments", network_arch="classification_pyt")["experiments"]
    assert all(one["network_arch"] == "classification_pyt" for one in mine)
    note.ask(
        "PATCH",
        path,
        {
            "train_datasets": [train],
            "eval_dataset": val,
            "inference_dataset": test,
            "calibration_dataset": train,
        },
    )
    bases = note.ask("GET", "experiments:base", network_arch="classification_pyt")["experiments"]
    assert all({"id", "name", "version", "ngc_path", "network_arch"} <= one.keys() for one in bases)
    note.ask("PATCH", path, {"base_experiment": [None]})

    trained = note.job(
        experiment,
        "train",
        None,
        **(LEARNING | {"train.num_epochs": 2, "train.num_gpus": 1, "train.validation_interval": 1}),
    )
    found = note.ask("GET", path)
    kept = {name: found[name] for name in ("checkpoint_choose_method", "checkpoint_epoch_number")}
    note.ask("PATCH", path, kept | {"checkpoint_choose_method": "latest_model"})
    published = {"display_name": "TAO model", "description": "Train model", "team_name": "tao_ea"}
    assert note.ask("POST", f"{path}/jobs/{trained}:publish_model", published)
    note.job(experiment, "evaluate", trained)
    exported = note.job(experiment, "export", trained)
    note.job(experiment, "inference", trained)
    log = note.http.get(f"{note.base}/{path}/jobs/{exported}/logs")
    assert log.headers["content-type"].startswith("text/")
    note.ask("DELETE", f"{path}/jobs/{trained}:remove_published_model", team_name="tao_ea")

    saved = {"backup_file_name": "mongodb_backup.gz"}
    note.ask("POST", f"workspaces/{space}/backup", saved)
    note.ask("DELETE", path)
    for dataset in (train, val, test):
        note.ask("DELETE", f"datasets/{dataset}")
    note.ask("POST", f"workspaces/{space}/restore", saved)
    assert note.ask("GET", path)["id"] == experiment
