"""efficientdet_tf2 in the order of the published clients, on a real server: datasets are converted first."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from tests.live_server import Server
from tests.training.anchored import SMALL_ANCHORED
from tests.training.boxes import write_boxed_scenes
from tests.training.jobs import nested

from tunesmith.client import Client
from tunesmith.client.models import Job
from tunesmith.data.tfrecords import decode_example, read_records

ACTION = "convert_efficientdet_tf2"
PRUNING = {"prune.threshold": 0.9, "prune.equalization_criterion": "arithmetic_mean"}
SPECS = nested(SMALL_ANCHORED | PRUNING | {"train.num_epochs": 1})


def test_datasets_are_converted_and_a_model_trained_pruned_and_exported(own_server: Server, tmp_path: Path):
    folder = own_server.root / "vision"
    write_boxed_scenes(folder / "train", 16)
    write_boxed_scenes(folder / "val", 4, "val")
    with Client(own_server.url, org=own_server.org, api_key=own_server.api_key) as client:
        space = client.workspaces.create("vision", "self_hosted", {"path": str(folder)}).id

        def dataset(name: str) -> str:
            made = client.datasets.create(
                "object_detection", "coco", workspace=space, cloud_file_path=f"/{name}"
            )
            assert client.datasets.wait(made.id).usable
            return made.id

        def ended(job: Job) -> Job:
            found = client.jobs.wait(job, interval=0.1)
            assert found.status == "Done", client.jobs.logs(found)
            return found

        def converted(name: str, parent: Job | None) -> Job:
            specs = {"dataset_convert": {"tag": name, "num_shards": 2}}
            return ended(client.jobs.create(known[name], ACTION, specs, parent=parent, kind="datasets"))

        def done(action: str, parent: Job, specs: Mapping[str, Any] = SPECS) -> Job:
            return ended(client.jobs.create(experiment, action, specs, parent=parent))

        known = {name: dataset(name) for name in ("train", "val")}
        first = converted("train", None)
        second = converted("val", first)
        client.jobs.download(first, tmp_path / "records")
        records = [one for path in (tmp_path / "records").rglob("*.tfrecord") for one in read_records(path)]
        assert len(records) == 16
        assert "image/object/bbox/xmin" in decode_example(records[0])
        counts = first.job_details[first.id]["categorical"]
        assert counts[0]["metric"] == "num_objects"

        experiment = client.experiments.create(
            "efficientdet_tf2", workspace=space, train_datasets=[known["train"]], eval_dataset=known["val"]
        ).id
        train = done("train", second)
        assert "AP50" in {one["metric"] for one in train.job_details[train.id]["kpi"]}
        retrain = done("retrain", done("prune", train))
        evaluate, export = done("evaluate", retrain), done("export", train)
        assert "AP50" in evaluate.job_details[evaluate.id]["outcome"]["metrics"]
        assert export.job_details[export.id]["outcome"]["onnx_max_abs_diff"] < 1e-3
