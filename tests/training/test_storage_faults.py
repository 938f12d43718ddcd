"""Stores that fail while a job uses them: for a while, which jobs outlive, or for good, which they report."""

import threading
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from tests.fault_proxy import Fault, FaultProxy, behind
from tests.s3_services import S3Server
from tests.training.jobs import SMALL, Bench, Finished, notes_of
from torch.optim.optimizer import register_optimizer_step_post_hook

from tunesmith.data.digits import write_digits
from tunesmith.protocol import Cause, DatasetInput, ParentInput
from tunesmith.storage.files import Files
from tunesmith.storage.locations import Location
from tunesmith.storage.patience import Patience
from tunesmith.training.actions import run_action
from tunesmith.training.engine import publisher
from tunesmith.training.engine.checkpoints import load_checkpoint
from tunesmith.training.failures import StoppedError, failure_of
from tunesmith.training.run import Run

SPEC = SMALL | {"train.num_epochs": 2, "dataset.batch_size": 16}
RESULTS = {"model_best.pth", "model_epoch_001.pth", "model_epoch_002.pth", "model_latest.pth"}
BRIEF = Patience(connect=0.5, read=0.5, retries=2, total=0.5)
ENDURING = Patience(connect=1, read=0.3, retries=50, total=60)
ENDLESS = Patience(connect=600, read=600, retries=1000, total=600)


@pytest.fixture
def proxy(s3_server: S3Server) -> Iterator[FaultProxy]:
    proxy = FaultProxy(s3_server.url)
    yield proxy
    proxy.close()


class Shop:
    """A bench whose workspace is a bucket behind the proxy."""

    def __init__(self, root: Path, server: S3Server, proxy: FaultProxy) -> None:
        self.bench = Bench(root, ENDURING)
        direct = server.location()
        self.bucket = Files(direct, server.secrets)
        self.workspace = behind(proxy, direct)
        self.bench.secrets[self.workspace.store.id] = server.secrets

    def add(self, folder: Path, prefix: str) -> Location:
        """Put files into the bucket."""
        for path in folder.iterdir():
            if path.is_file():
                self.bucket.upload(path, f"{prefix}/{path.name}")
        return self.workspace.child(prefix)

    def prepare(self, action: str, **request: Any) -> Run:
        return self.bench.prepare(action, SPEC, store=self.workspace.store, **request)

    def published(self, run: Run) -> set[str]:
        prefix = f"results/{run.request.job_id}/"
        return {info.key.removeprefix(prefix) for info in self.bucket.list(prefix)}


@pytest.fixture
def shop(tmp_path: Path, s3_server: S3Server, proxy: FaultProxy) -> Shop:
    return Shop(tmp_path, s3_server, proxy)


@pytest.fixture(scope="module")
def few(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("few")
    write_digits(folder, train=64, val=32, test=10)
    return folder


@pytest.fixture
def here(bench: Bench, few: Path) -> DatasetInput:
    """The dataset as one that no bucket is needed for."""
    return bench.dataset(few, "few digits here")


@pytest.fixture
def there(shop: Shop, few: Path) -> DatasetInput:
    """The dataset as one that has to come from the bucket."""
    dataset = shop.bench.dataset(few, "few digits there")
    return dataset.model_copy(update={"source": shop.add(few, "digits")})


@pytest.fixture
def parent(shop: Shop, trained: Finished) -> ParentInput:
    """A model that has to come from the bucket."""
    given = trained.parent("model_best.pth")
    return given.model_copy(update={"results": shop.add(trained.results, "trained")})


def fetches_dataset(shop: Shop, request: pytest.FixtureRequest) -> Callable[..., Run]:
    there = request.getfixturevalue("there")
    return partial(shop.prepare, "train", train_datasets=(there,), eval_dataset=there)


def fetches_model(shop: Shop, request: pytest.FixtureRequest) -> Callable[..., Run]:
    digits = request.getfixturevalue("digits")
    return partial(shop.prepare, "evaluate", eval_dataset=digits, parent=request.getfixturevalue("parent"))


def goes_on(shop: Shop, request: pytest.FixtureRequest) -> Callable[..., Run]:
    """On a machine that has nothing of the training yet."""
    here = request.getfixturevalue("here")
    inputs = {"train_datasets": (here,), "eval_dataset": here}
    first = shop.prepare("train", **inputs)
    run_action(first)
    folder = shop.bench.root / "another machine"
    job_id = first.request.job_id
    return partial(shop.prepare, "train", attempt=2, job_id=job_id, folder=folder, **inputs)


READING = [Fault.ERROR, Fault.HANG, Fault.CUT]
WRITING = [Fault.ERROR, Fault.HANG, Fault.CUT_UPLOAD]
FETCHES = pytest.mark.parametrize("fetches", [fetches_dataset, fetches_model, goes_on])


@FETCHES
@pytest.mark.parametrize("fault", READING)
def test_a_job_goes_on_when_the_store_answers_again(shop, proxy, request, fetches, fault):
    run = fetches(shop, request)()
    proxy.fault = fault
    proxy.heal_after(2)
    run_action(run)
    run.publish()
    assert proxy.struck >= 2
    assert shop.published(run)


@FETCHES
@pytest.mark.parametrize("fault", [Fault.ERROR, Fault.HANG])
def test_a_store_that_is_gone_for_longer_ends_the_job(shop, proxy, request, fetches, fault):
    prepare = fetches(shop, request)
    shop.bench.patience = BRIEF
    proxy.fault = fault
    with pytest.raises(
        Exception, match="status 500" if fault is Fault.ERROR else "does not answer"
    ) as caught:
        run_action(prepare())
    failure = failure_of(caught.value)
    assert failure.cause is Cause.STORAGE
    assert proxy.url in failure.message


@FETCHES
def test_a_stop_does_not_wait_for_a_store_that_hangs(shop, proxy, request, fetches):
    prepare = fetches(shop, request)
    shop.bench.patience = ENDLESS
    stop = threading.Event()
    run = prepare(stop=stop)
    proxy.fault = Fault.HANG
    proxy.on_strike(stop.set)
    with pytest.raises(StoppedError):  # the proxy never lets go: only a job that does not wait for it ends
        run_action(run)


def fail_from_step(proxy: FaultProxy, fault: Fault, step: int) -> Callable[[], None]:
    """Let the fault begin when the optimiser has made so many steps. Returns what ends that."""
    left = step

    def count(*_: Any) -> None:
        nonlocal left
        left -= 1
        if left == 0:
            proxy.fault = fault

    return register_optimizer_step_post_hook(count).remove


@pytest.fixture
def training(shop: Shop, here: DatasetInput) -> Callable[..., Run]:
    return partial(shop.prepare, "train", train_datasets=(here,), eval_dataset=here)


@pytest.mark.parametrize("fault", WRITING)
def test_a_training_goes_on_without_its_store_and_publishes_later(shop, proxy, training, monkeypatch, fault):
    monkeypatch.setattr(publisher, "_PAUSE_SECONDS", 0.05)
    shop.bench.patience = BRIEF
    run = training()
    proxy.fault = fault
    proxy.heal_after(6)
    run_action(run)
    run.publish()
    assert shop.published(run) == RESULTS
    notes = notes_of(run)
    assert any("The job goes on; its results are kept here" in note for note in notes)
    assert notes[-1] == "The workspace answers again; the results are there."


@pytest.mark.parametrize("fault", WRITING)
def test_what_a_store_does_not_take_in_the_end_is_published_by_the_next_attempt(
    shop, proxy, training, monkeypatch, fault
):
    monkeypatch.setattr(publisher, "END_PATIENCE_SECONDS", 0.0)
    shop.bench.patience = BRIEF
    run = training()
    stop_counting = fail_from_step(proxy, fault, 6)
    with pytest.raises(Exception, match="Could not upload") as caught:
        run_action(run)
    stop_counting()
    assert failure_of(caught.value).cause is Cause.STORAGE
    assert {path.name for path in run.results.iterdir()} == RESULTS
    assert "model_epoch_002.pth" not in shop.published(run)
    proxy.fault = Fault.NONE
    again = training(attempt=2, job_id=run.request.job_id)
    before = len(proxy.puts)
    outcome = run_action(again)
    again.publish()
    assert outcome["epochs"] == 2
    assert shop.published(again) == RESULTS
    # What had arrived is not sent again.
    assert not [path for path in proxy.puts[before:] if path.endswith("model_epoch_001.pth")]
    for name in RESULTS:
        shop.bucket.download(f"results/{run.request.job_id}/{name}", shop.bench.root / name)
        assert load_checkpoint(shop.bench.root / name)


def test_a_store_that_refuses_ends_the_training_at_once(shop, bench, here, training):
    run = training()
    location = run.request.results.location
    gone = location.store.model_copy(update={"bucket": "no-such-bucket"})
    run = shop.bench.prepare("train", SPEC, store=gone, train_datasets=(here,), eval_dataset=here)
    with pytest.raises(Exception, match=r"no-such-bucket at .* does not exist") as caught:
        run_action(run)
    assert failure_of(caught.value).cause is Cause.STORAGE


def test_a_stop_does_not_wait_for_results_that_nobody_takes(shop, proxy, training, monkeypatch):
    monkeypatch.setattr(publisher, "STOP_PATIENCE_SECONDS", 0.1)
    shop.bench.patience = ENDLESS
    stop = threading.Event()
    run = training(stop=stop)
    stop_counting = fail_from_step(proxy, Fault.HANG, 7)
    proxy.on_strike(stop.set)
    with pytest.raises(StoppedError):
        run_action(run)
    stop_counting()
    assert load_checkpoint(run.results / "model_latest.pth")


def test_a_stop_does_not_wait_for_the_last_upload(shop, proxy, request):
    run = fetches_model(shop, request)()
    run_action(run)
    stop = threading.Event()
    hanging = shop.bench.prepare(
        "evaluate",
        SPEC,
        store=shop.workspace.store,
        stop=stop,
        folder=run.folder.root,
        job_id=run.request.job_id,
    )
    proxy.fault = Fault.HANG
    proxy.on_strike(stop.set)
    with pytest.raises(StoppedError):
        hanging.publish()
