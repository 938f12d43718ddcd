"""A disk that is full ends the job with cause storage; what was saved before is whole and goes on later."""

import resource
from pathlib import Path
from uuid import uuid4

import pytest
from tests.disks import enlarge, may_mount, small_disk
from tests.training.jobs import SMALL, Bench, notes_in
from tests.training.killing import in_process

from tunesmith.data.digits import write_digits
from tunesmith.protocol import Cause, DatasetInput, EventTail, Failed, JobFolder
from tunesmith.training.actions import run_action
from tunesmith.training.engine.checkpoints import load_checkpoint
from tunesmith.training.failures import JobError, failure_of
from tunesmith.training.run import Run

EPOCHS = 6
CHECKPOINT = 4_500_000
"""What one takes, in bytes, and no more."""


class Job:
    """A training that meets a full disk."""

    def __init__(self, bench: Bench, dataset: DatasetInput, folder: Path) -> None:
        self.bench, self.dataset, self.folder = bench, dataset, folder
        self.job_id = uuid4()
        self.attempts = 0

    def attempt(self, epochs: int = EPOCHS) -> Run:
        self.attempts += 1
        return self.bench.prepare(
            "train",
            SMALL | {"train.num_epochs": epochs, "train.checkpoint_interval": EPOCHS},
            folder=self.folder,
            job_id=self.job_id,
            attempt=self.attempts,
            train_datasets=(self.dataset,),
            eval_dataset=self.dataset,
        )

    def assert_ended_by_the_disk(self, reason: str) -> None:
        failed = [event for event in EventTail(JobFolder(self.folder)).read() if isinstance(event, Failed)][
            -1
        ]
        assert failed.cause is Cause.STORAGE
        assert failed.message.startswith("The checkpoint needs 4.")
        assert f"MB in {self.folder / 'results'}, where " in failed.message
        assert failed.message.endswith(f"{reason}; the one before it is whole.")
        assert failed.advice.startswith("Free some room on the server's disk")
        assert not list(self.folder.rglob("*.part"))

    def assert_goes_on(self) -> None:
        latest = self.folder / "results" / "model_latest.pth"
        before = load_checkpoint(latest)["done"]["epochs"]
        assert 0 < before < EPOCHS
        run_action(self.attempt())
        assert any(f"goes on after epoch {before}, step 0" in note for note in notes_in(self.folder))
        assert load_checkpoint(latest)["done"]["epochs"] == EPOCHS


@pytest.fixture
def dataset(bench: Bench, tmp_path: Path) -> DatasetInput:
    write_digits(tmp_path / "few", train=48, val=16, test=10)
    return bench.dataset(tmp_path / "few", f"few digits {tmp_path.name}")


def train(folder: Path) -> None:
    """To the end, as a worker does."""
    run = Run(JobFolder(folder))
    try:
        run_action(run)
    except JobError as error:
        run.report(failure_of(error))


def train_with_small_files(folder: Path, limit: int) -> None:
    resource.setrlimit(resource.RLIMIT_FSIZE, (limit, limit))
    train(folder)


def test_a_checkpoint_that_may_not_grow_ends_the_job(bench, dataset, tmp_path):
    job = Job(bench, dataset, tmp_path / "job")
    run_action(job.attempt(epochs=2))
    job.attempt()
    in_process(train_with_small_files, job.folder, CHECKPOINT // 2)
    job.assert_ended_by_the_disk("MB are free (File too large)")
    job.assert_goes_on()


def test_a_device_that_is_full_ends_the_job(bench, dataset, tmp_path):
    job = Job(bench, dataset, tmp_path / "job")
    run_action(job.attempt(epochs=2))
    job.attempt()
    (job.folder / "results" / "model_latest.pth.part").symlink_to("/dev/full")
    train(job.folder)
    job.assert_ended_by_the_disk("MB are free (No space left on device)")
    job.assert_goes_on()


if may_mount():

    def test_a_disk_without_room_ends_the_job(bench, dataset, tmp_path):
        # The latest checkpoint and the one before fit, and nothing more.
        with small_disk(tmp_path / "disk", int(2.9 * CHECKPOINT)):
            job = Job(bench, dataset, tmp_path / "disk" / "job")
            job.attempt()
            train(job.folder)
            job.assert_ended_by_the_disk("MB are free")
            enlarge(tmp_path / "disk", 10 * CHECKPOINT)
            job.assert_goes_on()
