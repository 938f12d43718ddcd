"""The variables of an experiment reach its jobs, and nothing else."""

import shutil
from pathlib import Path

from tests.live_server import Server
from tests.training.jobs import SMALL, nested

from tunesmith.client import Client

KEY = "fedcba9876543210fedcba9876543210fedcba98"


def test_a_training_reports_where_its_experiment_says(server: Server, digits_dataset: Path):
    folder = server.folder("tracked")
    shutil.copytree(digits_dataset, folder / "data" / "digits")
    space = server.local_workspace(folder)
    variables = {"WANDB_API_KEY": KEY, "WANDB_MODE": "offline", "LD_PRELOAD": "/tmp/evil.so"}
    with Client(server.url, server.org, api_key=server.api_key) as client:
        dataset = client.datasets.create(
            "image_classification", "classification_pyt", workspace=space, cloud_file_path="data/digits"
        )
        client.datasets.wait(dataset.id, interval=0.1, timeout=60)
        experiment = client.experiments.create("classification_pyt", workspace=space)
        client.experiments.update(experiment.id, train_datasets=[dataset.id], docker_env_vars=variables)
        job = client.jobs.create(experiment.id, "train", nested(SMALL))
        job = client.jobs.wait(job, interval=0.1, timeout=120)
        assert [name for name in client.jobs.files(job) if "/wandb/offline-run-" in name]
        (note,) = [note for note in job.progress.notes if "docker_env_vars" in note]
        assert "LD_PRELOAD (the server's operator has not allowed it in TUNESMITH_JOB_VARIABLES)" in note
        assert KEY not in client.jobs.logs(job)
    for place in (server.data_dir, folder, server.log.parent):
        files = [path for path in place.rglob("*") if path.is_file()]
        assert not [path for path in files if KEY.encode() in path.read_bytes()]
