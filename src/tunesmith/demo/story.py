"""The demo as a user lives it: from login to predictions, through the public API alone."""

import shutil
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tunesmith.client import Client, Dataset, Experiment, Job, JobFailedError, Workspace
from tunesmith.demo.data import lay_out
from tunesmith.demo.outcome import figure_of
from tunesmith.demo.screen import Screen
from tunesmith.demo.server import DemoServer
from tunesmith.demo.settings import NETWORK, ORG, USER, Recipe, edited

_USES = {"train": "training", "val": "evaluation", "test": "testing"}
_LOOK_SECONDS = 0.2


@dataclass(frozen=True)
class Jobs:
    """The jobs that the demo ran, all Done."""

    train: Job
    evaluate: Job
    export: Job
    inference: Job
    inference_onnx: Job

    def by_name(self) -> Mapping[str, Job]:
        """Each under the name of the folder that its files are fetched into."""
        return vars(self)


class Story:
    """The steps, in order. `workspace` is a folder of the server, `files` where results are fetched to."""

    def __init__(self, screen: Screen, recipe: Recipe, workspace: Path, files: Path) -> None:
        self._screen, self._recipe = screen, recipe
        self._workspace, self._files = workspace, files

    def tell(self, server: DemoServer) -> Jobs:
        """Live it against a running server.

        Raises:
            TunesmithError: the server refused something, or a job failed.
            DemoError: the server's command line failed.
        """
        with self._screen.step("data", "Data") as step:
            paths = lay_out(self._workspace, self._recipe)
            counts = self._recipe.counts
            shares = " / ".join(f"{count:,}" for count in counts.values())
            step.result = f"{sum(counts.values()):,} scans of handwritten digits: {shares}"
        with self._screen.step("login", "Login") as step:
            client = Client(server.url, ORG)
            client.login(server.create_key(ORG, USER))
            step.result = f"{USER} of {ORG}, with a new API key"
        with client:
            return self._through_the_api(client, paths)

    def _through_the_api(self, client: Client, paths: Mapping[str, str]) -> Jobs:
        with self._screen.step("workspace", "Workspace") as step:
            workspace = client.workspaces.create("Demo", "self_hosted", {"path": str(self._workspace)})
            step.result = "a folder of the server (self_hosted)"
        datasets = self._datasets(client, workspace, paths)
        experiment = self._experiment(client, workspace, datasets)
        jobs = self._jobs(client, experiment)
        self._download(client, jobs)
        return jobs

    def _datasets(self, client: Client, workspace: Workspace, paths: Mapping[str, str]) -> dict[str, Dataset]:
        with self._screen.step("datasets", "Datasets") as step:
            created = {
                split: client.datasets.create(
                    "image_classification",
                    NETWORK,
                    workspace=workspace.id,
                    cloud_file_path=path,
                    use_for=[_USES[split]],
                    name=f"Digits, {split}",
                )
                for split, path in paths.items()
            }
            ready = {
                split: client.datasets.wait(one.id, interval=_LOOK_SECONDS) for split, one in created.items()
            }
            step.result = f"{len(ready)} pulled and validated"
        return ready

    def _experiment(
        self, client: Client, workspace: Workspace, datasets: Mapping[str, Dataset]
    ) -> Experiment:
        with self._screen.step("experiment", "Experiment") as step:
            experiment = client.experiments.create(NETWORK, workspace=workspace.id, name="Digits")
            experiment = client.experiments.update(
                experiment.id,
                train_datasets=[datasets["train"].id],
                eval_dataset=datasets["val"].id,
                inference_dataset=datasets["test"].id,
            )
            recipe = self._recipe
            step.result = f"{NETWORK} with {recipe.backbone} at {recipe.image_size} px"
        return experiment

    def _jobs(self, client: Client, experiment: Experiment) -> Jobs:
        def run(title: str, key: str, edits: dict[str, Any], parent: Job | None = None) -> Job:
            action = key.removesuffix("_onnx")
            with self._screen.step(key, title) as step:
                specs = edited(client.experiments.default_spec(experiment.id, action), edits)
                posted = client.jobs.create(experiment.id, action, specs, parent=parent)
                job = step.watch(client.jobs.follow(posted, interval=_LOOK_SECONDS))
                if job.status != "Done":
                    raise JobFailedError(job)
                step.result = _headline(job)
            return job

        model = self._recipe.model()
        train = run("Train", "train", self._recipe.train())
        evaluate = run("Evaluate", "evaluate", model, train)
        export = run("Export to ONNX", "export", model, train)
        inference = run("Predict with torch", "inference", model, train)
        onnx = run("Predict with ONNX", "inference_onnx", model, export)
        return Jobs(train, evaluate, export, inference, onnx)

    def _download(self, client: Client, jobs: Jobs) -> None:
        with self._screen.step("download", "Download") as step:
            shutil.rmtree(self._files, ignore_errors=True)
            written: list[Path] = []
            for name, job in jobs.by_name().items():
                wanted = [file for file in client.jobs.files(job) if _wanted(file)]
                written += client.jobs.download_files(job, wanted, self._files / name)
                log = self._files / name / "log.txt"
                log.write_text(client.jobs.logs(job), encoding="utf-8")
                written.append(log)
            size = sum(path.stat().st_size for path in written) / 2**20
            step.result = f"{len(written)} files, {size:.0f} MiB"


def _wanted(file: str) -> bool:
    """Of the checkpoints only the best one: the others hold the same, at other moments."""
    return not file.endswith(".pth") or file.endswith("model_best.pth")


def _headline(job: Job) -> str:
    """What came out of a job, in a few words."""
    match job.action:
        case "train":
            accuracy = figure_of(job, "val_acc_1")
            return f"{job.progress.max_epoch} epochs, best validation accuracy {accuracy:.1%}"
        case "evaluate":
            return f"validation accuracy {figure_of(job, 'val_acc_1'):.1%}"
        case "export":
            return f"differs from torch by {figure_of(job, 'onnx_max_abs_diff'):.1e} at most"
        case _:
            return f"{figure_of(job, 'right'):g} of {figure_of(job, 'labelled'):g} test images right"
