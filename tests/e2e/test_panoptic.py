"""Panoptic segmentation from login to segments as a user goes, on a real server."""

import json
from pathlib import Path

from tests.live_server import Server
from tests.training.jobs import nested
from tests.training.masks import INLINE, SMALL_MASKS, write_panoptic_scenes

from tunesmith.client import Client
from tunesmith.client.models import Job

SPECS = nested(SMALL_MASKS | INLINE)


def test_mask2former_goes_from_login_to_segments(own_server: Server, tmp_path: Path):
    folder = own_server.root / "vision"
    write_panoptic_scenes(folder / "train", 16)
    write_panoptic_scenes(folder / "val", 4, "val")
    with Client(own_server.url, org=own_server.org, api_key=own_server.api_key) as client:
        space = client.workspaces.create("vision", "self_hosted", {"path": str(folder)}).id
        train_data, eval_data = (
            client.datasets.create(
                "segmentation", "coco_panoptic", workspace=space, cloud_file_path=f"/{name}"
            )
            for name in ("train", "val")
        )
        assert all(client.datasets.wait(one.id).usable for one in (train_data, eval_data))
        experiment = client.experiments.create(
            "mask2former", workspace=space, train_datasets=[train_data.id], eval_dataset=eval_data.id
        ).id

        def done(action: str, parent: Job | None = None) -> Job:
            specs = SPECS if action == "train" else None
            job = client.jobs.create(experiment, action, specs, parent=parent)
            ended = client.jobs.wait(job, interval=0.1)
            assert ended.status == "Done", client.jobs.logs(ended)
            return ended

        train = done("train")
        details = train.job_details[train.id]
        assert details["key_metric"] > 0
        assert {one["metric"] for one in details["kpi"]} >= {"mIoU", "val_PQ", "val_mAcc", "val_acc"}
        assert {one["metric"] for one in details["categorical"]} >= {"iou", "PQ", "AP"}
        evaluate = done("evaluate", train)
        measured = evaluate.job_details[evaluate.id]["outcome"]["metrics"]["mIoU"]
        assert abs(measured - details["key_metric"]) < 0.02
        client.jobs.download(done("inference", train), tmp_path / "found")
    (listed,) = (tmp_path / "found").rglob("panoptic.json")
    assert len(json.loads(listed.read_text())["annotations"]) == 4
