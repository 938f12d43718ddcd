"""Detection from login to boxes as a user goes, on a real server."""

import json
from pathlib import Path

from tests.live_server import Server
from tests.training.boxes import QUICK, write_boxed_scenes
from tests.training.jobs import nested

from tunesmith.client import Client
from tunesmith.client.models import Job

LONG = {"train.num_epochs": 8, "train.optim.lr_steps": [6], "train.validation_interval": 4}
SPECS = nested(QUICK["rtdetr"] | LONG)


def test_rtdetr_goes_from_login_to_boxes(own_server: Server, tmp_path: Path):
    folder = own_server.root / "vision"
    write_boxed_scenes(folder / "train", 96)
    write_boxed_scenes(folder / "val", 16, "val")
    with Client(own_server.url, org=own_server.org, api_key=own_server.api_key) as client:
        space = client.workspaces.create("vision", "self_hosted", {"path": str(folder)}).id

        def dataset(name: str, form: str = "coco") -> str:
            made = client.datasets.create(
                "object_detection", form, workspace=space, cloud_file_path=f"/{name}"
            )
            assert client.datasets.wait(made.id).usable
            return made.id

        experiment = client.experiments.create(
            "rtdetr",
            workspace=space,
            train_datasets=[dataset("train")],
            eval_dataset=dataset("val"),
            inference_dataset=dataset("val", "raw"),
        ).id

        def done(action: str, parent: Job | None = None, specs: object = None) -> Job:
            job = client.jobs.create(experiment, action, specs, parent=parent)  # type: ignore[arg-type]
            ended = client.jobs.wait(job, interval=0.1)
            assert ended.status == "Done", client.jobs.logs(ended)
            return ended

        train = done("train", specs=SPECS)
        details = train.job_details[train.id]
        assert details["key_metric"] > 0.5
        assert {one["metric"] for one in details["kpi"]} >= {"val_mAP50", "val_mAP", "val_loss"}
        assert {one["metric"] for one in details["categorical"]} >= {"AP", "AP50"}
        evaluate, export = done("evaluate", train), done("export", train)
        measured = evaluate.job_details[evaluate.id]["outcome"]["metrics"]["val_mAP50"]
        assert abs(measured - details["key_metric"]) < 1e-3
        assert export.job_details[export.id]["outcome"]["onnx_max_abs_diff"] < 1e-3
        engine = done("gen_trt_engine", export)
        counts = []
        for parent in (train, export, engine):
            client.jobs.download(done("inference", parent), tmp_path / parent.id)
            (listed,) = (tmp_path / parent.id).rglob("predictions.json")
            found = json.loads(listed.read_text())
            assert len(found["images"]) == len(list((listed.parent / "labels").iterdir())) == 16
            assert len(list((listed.parent / "images_annotated").iterdir())) == 16
            counts.append(len(found["annotations"]))
    assert counts[0] > 8
    assert max(counts) - min(counts) <= 2, "all of them are the same model"
