"""Segmentation from login to masks as a user goes, on a real server."""

import json
from pathlib import Path

import numpy as np
from PIL import Image
from tests.live_server import Server
from tests.training.jobs import nested
from tests.training.segments import SIZE, SMALL_SEGMENTS, write_masked_scenes

from tunesmith.client import Client
from tunesmith.client.models import Job

SPECS = nested(SMALL_SEGMENTS | {"train.num_epochs": 6, "train.validation_interval": 3})


def test_segformer_goes_from_login_to_masks(own_server: Server, tmp_path: Path):
    folder = own_server.root / "vision"
    write_masked_scenes(folder / "scenes")
    with Client(own_server.url, org=own_server.org, api_key=own_server.api_key) as client:
        space = client.workspaces.create("vision", "self_hosted", {"path": str(folder)}).id
        data = client.datasets.create("segmentation", "unet", workspace=space, cloud_file_path="/scenes")
        assert client.datasets.wait(data.id).usable
        experiment = client.experiments.create(
            "segformer", workspace=space, train_datasets=[data.id], eval_dataset=data.id
        ).id

        def done(action: str, parent: Job | None = None) -> Job:
            specs = SPECS if action == "train" else None
            job = client.jobs.create(experiment, action, specs, parent=parent)
            ended = client.jobs.wait(job, interval=0.1)
            assert ended.status == "Done", client.jobs.logs(ended)
            return ended

        train = done("train")
        details = train.job_details[train.id]
        assert details["key_metric"] > 0.5, "the ground alone is 0.3"
        assert {one["metric"] for one in details["kpi"]} >= {"val_miou", "val_mAcc", "val_acc"}
        assert {one["metric"] for one in details["categorical"]} >= {"iou", "accuracy"}
        evaluate, export = done("evaluate", train), done("export", train)
        measured = evaluate.job_details[evaluate.id]["outcome"]["metrics"]["val_miou"]
        assert abs(measured - details["key_metric"]) < 1e-3
        assert export.job_details[export.id]["outcome"]["onnx_max_abs_diff"] < 1e-3
        masks = []
        for parent in (train, export):
            client.jobs.download(done("inference", parent), tmp_path / parent.id)
            (listed,) = (tmp_path / parent.id).rglob("predictions.json")
            found = json.loads(listed.read_text())["predictions"]
            masks.append([np.asarray(Image.open(listed.parent / one["mask"])) for one in found])
    assert [mask.shape for mask in masks[0]] == [(SIZE, SIZE)] * 4
    assert np.mean(np.array(masks[0]) == np.array(masks[1])) > 0.999
    assert set(np.unique(masks[0])) == {0, 1, 2}
