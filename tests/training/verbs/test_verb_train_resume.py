"""A training that is stopped or killed at any moment goes on as if nothing had happened."""

import random
import secrets
import shutil
import threading
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from tests.training.comparing import Curves, checkpoints_in, curves_in, differences
from tests.training.jobs import SMALL, Bench, Finished, notes_in
from tests.training.killing import Moment, train_killed
from tests.training.stopping import counting

from tunesmith.data.digits import write_digits
from tunesmith.protocol import Cause, DatasetInput
from tunesmith.storage.files import Files
from tunesmith.training.actions import run_action
from tunesmith.training.engine.checkpoints import load_checkpoint
from tunesmith.training.engine.takeup import newest_state
from tunesmith.training.failures import JobError, StoppedError
from tunesmith.training.run import Run

EPOCHS, STEPS = 3, 5
# Dropout, augmentation, averaged weights, a momentum and a schedule each have a state of their own to keep.
SPEC = SMALL | {
    "train.num_epochs": EPOCHS,
    "train.checkpoint_interval": 2,
    "train.enable_ema": True,
    "train.optim.policy": "cosine",
    "model.head.custom_args": {"drop_rate": 0.2},
    "dataset.batch_size": 16,  # of 80 images
    "dataset.augmentation.random_flip.enable": True,
    "dataset.augmentation.random_erase.enable": True,
}

TORN = "The checkpoint model_latest.pth on this machine is not whole, as after a crash; it is passed over."


@dataclass(frozen=True)
class Stop:
    """Asked to stop: after so many steps, or after so many batches of a validation."""

    after: int
    validating: bool = False
    moves: bool = False

    def befall(self, life: "Life") -> None:
        stop = threading.Event()
        run = life.attempt(stop)
        with counting(stop, self.after, validating=self.validating), suppress(StoppedError):
            run_action(run)


@dataclass(frozen=True)
class Kill:
    """Killed, as by kill -9."""

    moment: Moment
    moves: bool = False

    def befall(self, life: "Life") -> None:
        run = life.attempt()
        train_killed(run.folder.root, self.moment)


class Life:
    """One training, through all of its attempts, on one machine after the other."""

    def __init__(self, bench: Bench, digits: DatasetInput, root: Path, workers: int = 0) -> None:
        self.bench, self.digits, self.root = bench, digits, root
        self.spec = SPEC | {"dataset.workers": workers}
        self.job_id = uuid4()
        self.attempts = self.machine = 0
        self.outcome: dict[str, Any] = {}

    def attempt(self, stop: threading.Event | None = None, **spec: Any) -> Run:
        self.attempts += 1
        return self.bench.prepare(
            "train",
            self.spec | spec,
            folder=self.folder,
            stop=stop,
            job_id=self.job_id,
            attempt=self.attempts,
            checkpoint_seconds=0,
            train_datasets=(self.digits,),
            eval_dataset=self.digits,
        )

    def end(self, **spec: Any) -> Finished:
        """The last attempt, which nothing disturbs."""
        run = self.attempt(**spec)
        self.outcome = run_action(run)
        run.publish()
        return Finished(run, self.outcome)

    @property
    def folder(self) -> Path:
        return self.root / f"machine-{self.machine}"

    @property
    def notes(self) -> list[str]:
        return notes_in(self.folder)

    @property
    def curves(self) -> Curves:
        found: Curves = {}
        for folder in sorted(self.root.glob("machine-*")):
            for epoch, values in curves_in(folder).items():
                found[epoch] = found.get(epoch, {}) | values
        return found

    @property
    def published(self) -> Path:
        return self.bench.workspace.path / "results" / str(self.job_id)


@pytest.fixture(scope="module")
def few_digits(bench: Bench, tmp_path_factory: pytest.TempPathFactory) -> DatasetInput:
    folder = tmp_path_factory.mktemp("few")
    write_digits(folder, train=16 * STEPS, val=40, test=10)
    return bench.dataset(folder, "few digits")


@pytest.fixture(scope="module")
def undisturbed(bench: Bench, few_digits: DatasetInput, tmp_path_factory: pytest.TempPathFactory) -> Life:
    life = Life(bench, few_digits, tmp_path_factory.mktemp("undisturbed"))
    life.end()
    return life


@pytest.fixture
def life(bench: Bench, few_digits: DatasetInput, tmp_path: Path) -> Life:
    return Life(bench, few_digits, tmp_path)


def assert_same_end(undisturbed: Life, life: Life) -> None:
    """Whatever befell it, it ends bit by bit as the undisturbed one."""
    done = life.end()
    whole = checkpoints_in(undisturbed.published)
    assert set(whole) == {"model_best.pth", "model_latest.pth", "model_epoch_002.pth", "model_epoch_003.pth"}
    assert list(differences(whole, checkpoints_in(life.published))) == []
    here = checkpoints_in(done.results)
    assert list(differences({name: whole[name] for name in here}, here)) == []
    assert life.curves == undisturbed.curves
    assert {**undisturbed.outcome, "seconds": 0} == {**life.outcome, "seconds": 0}


STOPS = st.builds(Stop, st.integers(1, EPOCHS * STEPS), moves=st.booleans()) | st.builds(
    Stop, st.integers(1, 3 * EPOCHS), validating=st.just(True), moves=st.booleans()
)
KILLS = st.builds(
    Kill,
    st.builds(Moment, st.just("step"), st.integers(1, EPOCHS * STEPS))
    | st.builds(Moment, st.just("file"), st.integers(1, 200)),
    moves=st.booleans(),
)
FAULTS = st.lists(KILLS | STOPS, min_size=1, max_size=3)


def go_through(undisturbed: Life, life: Life, faults: list[Stop | Kill]) -> None:
    for fault in faults:
        fault.befall(life)
        life.machine += fault.moves
    assert_same_end(undisturbed, life)


@settings(max_examples=8, derandomize=True, deadline=None, suppress_health_check=list(HealthCheck))
@given(faults=FAULTS, workers=st.sampled_from([0, 2]))
def test_whatever_befalls_a_training_it_ends_bit_by_bit_as_if_nothing_had(
    bench, few_digits, undisturbed, tmp_path_factory, faults, workers
):
    go_through(undisturbed, Life(bench, few_digits, tmp_path_factory.mktemp("life"), workers), faults)


@pytest.mark.parametrize("workers", [0, 2])
def test_faults_at_random_moments_change_nothing_either(bench, few_digits, undisturbed, tmp_path, workers):
    seed = secrets.randbits(32)
    print(f"seed {seed}")
    draw = random.Random(seed)  # noqa: S311 - no secret
    steps = [draw.randint(1, STEPS * EPOCHS) for _ in range(2)]
    faults: list[Stop | Kill] = [
        Stop(steps[0], moves=draw.random() < 0.5),
        Kill(Moment("step", steps[1]), moves=draw.random() < 0.5),
        Kill(Moment("file", draw.randint(1, 200)), moves=draw.random() < 0.5),
    ]
    draw.shuffle(faults)
    print(*faults, sep="\n")
    go_through(undisturbed, Life(bench, few_digits, tmp_path, workers), faults)


def goes_on(life: Life) -> str:
    """The note that says from where."""
    return [note for note in life.notes if "goes on after" in note][-1]


def test_a_kill_in_the_middle_of_an_epoch_costs_no_more_than_the_step(life, undisturbed):
    Kill(Moment("step", STEPS + 4)).befall(life)
    assert_same_end(undisturbed, life)
    assert (
        goes_on(life) == "The training goes on after epoch 1, step 3 of the next one, from the checkpoint "
        "model_latest.pth on this machine."
    )


def test_another_machine_goes_on_from_the_workspace(life, undisturbed):
    Stop(STEPS + 2, moves=True).befall(life)
    life.machine += 1
    assert_same_end(undisturbed, life)
    assert goes_on(life).endswith(
        "epoch 1, step 2 of the next one, from the checkpoint model_latest.pth in the workspace."
    )


def test_what_came_from_the_workspace_is_not_sent_there_again(life, monkeypatch):
    Stop(2 * STEPS + 2, moves=True).befall(life)
    life.machine += 1
    sent: list[str] = []
    upload = Files.upload_open

    def count(files: Files, file: Any, key: str) -> None:
        sent.append(key)
        upload(files, file, key)

    monkeypatch.setattr(Files, "upload_open", count)
    life.end()
    assert "model_epoch_003.pth" in sent
    assert "model_epoch_002.pth" not in sent
    assert sent.count("model_best.pth") == (life.outcome["best_epoch"] == EPOCHS)


def test_a_machine_that_gets_a_training_back_goes_on_where_the_other_one_was(life, undisturbed):
    Stop(3).befall(life)
    life.machine = 1
    Stop(STEPS).befall(life)
    life.machine = 0
    assert_same_end(undisturbed, life)
    assert "after epoch 1, step 3 of the next one, from the checkpoint model_latest.pth in the" in goes_on(
        life
    )


def test_what_is_here_wins_over_an_older_checkpoint_in_the_workspace(life, undisturbed):
    Stop(2).befall(life)
    older = (life.published / "model_latest.pth").read_bytes()
    Stop(STEPS).befall(life)
    (life.published / "model_latest.pth").write_bytes(older)
    assert_same_end(undisturbed, life)
    assert goes_on(life).endswith(
        "epoch 1, step 2 of the next one, from the checkpoint model_latest.pth on this machine."
    )


def test_a_checkpoint_torn_in_the_workspace_gives_way_to_the_next(life, undisturbed):
    Stop(2 * STEPS + 2).befall(life)
    life.machine = 1
    data = bytearray((life.published / "model_latest.pth").read_bytes())
    data[len(data) // 2] ^= 1
    (life.published / "model_latest.pth").write_bytes(data)
    assert_same_end(undisturbed, life)
    assert TORN.replace("on this machine", "in the workspace") in life.notes
    assert "goes on after epoch 2, step 0" in goes_on(life)
    assert goes_on(life).endswith("in the workspace.")


def test_a_workspace_that_cannot_be_read_is_told_if_there_is_a_checkpoint_here(life):
    Stop(2).befall(life)
    life.published.parent.parent.rename(life.root / "unplugged")
    run = life.attempt()
    try:
        state = newest_state(run)
    finally:
        (life.root / "unplugged").rename(life.published.parent.parent)
    assert state is not None
    assert state["done"]["steps"] == 2
    (note,) = (note for note in life.notes if "does not exist" in note)
    assert note.endswith("Whether the workspace has a newer checkpoint is not known.")


def latest(life: Life) -> Path:
    return life.folder / "results" / "model_latest.pth"


def test_a_torn_checkpoint_gives_way_to_the_one_before(life, undisturbed):
    Kill(Moment("step", STEPS + 4)).befall(life)
    latest(life).write_bytes(latest(life).read_bytes()[:-1000])
    shutil.rmtree(life.published)
    assert_same_end(undisturbed, life)
    assert TORN in life.notes
    assert "goes on after epoch 1, step 2 of the next one, from the checkpoint model_previous.pth" in goes_on(
        life
    )


def test_a_flipped_bit_is_noticed_wherever_it_is(life, undisturbed):
    Kill(Moment("step", 2)).befall(life)
    data = bytearray(latest(life).read_bytes())
    data[len(data) // 2] ^= 1
    latest(life).write_bytes(data)
    shutil.rmtree(life.published)
    assert_same_end(undisturbed, life)
    assert TORN in life.notes
    assert "There is no whole checkpoint of the earlier attempt; the training begins anew." in life.notes


def test_a_checkpoint_torn_here_is_taken_from_the_workspace(life, undisturbed):
    Stop(STEPS + 3).befall(life)
    latest(life).write_bytes(b"torn")
    assert_same_end(undisturbed, life)
    assert goes_on(life).endswith(
        "step 3 of the next one, from the checkpoint model_latest.pth in the workspace."
    )


def test_a_finished_training_run_again_reports_the_same(life, undisturbed):
    life.end()
    assert_same_end(undisturbed, life)


def test_a_stop_before_the_first_step_leaves_nothing_to_go_on_from(life):
    stop = threading.Event()
    stop.set()
    run = life.attempt(stop)
    with pytest.raises(StoppedError):
        run_action(run)
    assert not list(run.results.glob("*.pth"))


def test_a_diverged_training_is_never_saved(life):
    run = life.attempt(**{"train.optim.optim": "sgd", "train.optim.lr": 1e20, "train.clip_grad_norm": 0.0})
    with pytest.raises(JobError) as failed:
        run_action(run)
    assert failed.value.cause is Cause.DIVERGED
    for state in checkpoints_in(run.results).values():
        assert all(bool(weight.isfinite().all()) for weight in state["model"].values())


def test_more_epochs_go_on_with_the_schedule_of_a_training_of_that_length(bench, few_digits, life, tmp_path):
    Stop(STEPS + 2).befall(life)
    life.end(**{"train.num_epochs": 5})
    long = Life(bench, few_digits, tmp_path / "long")
    long.end(**{"train.num_epochs": 5})
    rates, wanted = ([one.curves[epoch]["lr"] for epoch in range(1, 6)] for one in (life, long))
    assert rates[1:] == wanted[1:]
    assert rates[0] != wanted[0]  # the first epoch was that of a shorter one
    assert "train.num_epochs was 3 and is 5 from here on." in life.notes
    assert any("goes on as in a training of 5 epochs" in note for note in life.notes)


def test_a_training_shortened_to_what_is_done_is_measured_and_kept(life):
    life.spec |= {"train.validation_interval": 3, "train.checkpoint_interval": 3}
    Kill(Moment("step", 2 * STEPS + 1)).befall(life)
    assert set(curves_in(life.folder)[2]) == {"train_loss", "lr"}
    done = life.end(**{"train.num_epochs": 2})
    assert "goes on after epoch 2, step 0" in goes_on(life)
    assert set(life.curves[2]) >= {"val_loss", "val_acc_1"}
    assert done.outcome["best_epoch"] == 2
    names = {"model_best.pth", "model_latest.pth", "model_epoch_002.pth"}
    assert {path.name for path in life.published.iterdir()} == names


def test_intervals_act_from_where_the_training_goes_on(life):
    Stop(2 * STEPS + 2).befall(life)
    life.end(**{"train.num_epochs": 5, "train.checkpoint_interval": 3, "train.validation_interval": 5})
    kept = {path.name for path in life.published.glob("model_epoch_*")}
    assert kept == {"model_epoch_002.pth", "model_epoch_003.pth", "model_epoch_005.pth"}
    measured = [epoch for epoch, values in life.curves.items() if "val_loss" in values]
    assert measured == [1, 2, 5]


def test_a_training_does_not_go_on_with_other_data(bench, life, tmp_path):
    Stop(STEPS).befall(life)
    write_digits(tmp_path / "other", train=64, val=40, test=10)
    life.digits = bench.dataset(tmp_path / "other", "other digits")
    with pytest.raises(
        JobError, match=r"began with 80 images to learn from.* there are 64 images to"
    ) as failed:
        life.end()
    assert failed.value.cause is Cause.BAD_DATA


def test_a_best_checkpoint_that_is_gone_is_chosen_anew(life):
    Stop(STEPS + 2).befall(life)
    for folder in (life.folder / "results", life.published):
        (folder / "model_best.pth").unlink()
    done = life.end()
    assert any(
        "The checkpoint of the best epoch so far, 1, is not there any more" in note for note in life.notes
    )
    best = load_checkpoint(done.results / "model_best.pth")["done"]["epochs"]
    assert best == done.outcome["best_epoch"] > 1
