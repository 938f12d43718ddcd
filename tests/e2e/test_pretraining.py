"""Learning without labels, then with them, as a user goes, on a real server."""

from tests.live_server import Server
from tests.training.jobs import nested
from tests.training.unlabelled import SMALL_MAE, TUNED, write_unlabelled_digits

from tunesmith.client import Client
from tunesmith.client.models import Job


def test_fine_tuning_follows_pretraining(own_server: Server):
    folder = own_server.root / "vision"
    write_unlabelled_digits(folder / "digits", train=64, val=32, test=1)
    with Client(own_server.url, org=own_server.org, api_key=own_server.api_key) as client:
        space = client.workspaces.create("vision", "self_hosted", {"path": str(folder)}).id
        data = client.datasets.create(
            "image_classification", "ssl", workspace=space, cloud_file_path="/digits"
        )
        assert client.datasets.wait(data.id).usable
        experiment = client.experiments.create(
            "mae", workspace=space, train_datasets=[data.id], eval_dataset=data.id
        ).id

        def done(specs: dict[str, object], parent: Job | None = None) -> Job:
            job = client.jobs.create(experiment, "train", nested(specs), parent=parent)
            ended = client.jobs.wait(job, interval=0.1)
            assert ended.status == "Done", client.jobs.logs(ended)
            return ended

        pretrained = done(SMALL_MAE)
        measured = pretrained.job_details[pretrained.id]["outcome"]
        assert measured["best_metric"]["name"] == "train_loss"
        tuned = done(SMALL_MAE | TUNED, pretrained)
        assert "the parent's model_best.pth" in client.jobs.logs(tuned)
        assert {"val_acc_1", "val_loss"} <= tuned.job_details[tuned.id]["outcome"]["metrics"].keys()
