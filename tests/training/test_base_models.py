"""Training from published weights, which come from a hub, or are brought."""

import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
import timm
import torch
from safetensors.torch import save
from tests.hub_server import Hub
from tests.training.jobs import SMALL, Bench

from tunesmith.networks.catalogue import BaseModelEntry, catalogue
from tunesmith.protocol import Cause, DatasetInput, ModelInput
from tunesmith.storage.weights import WeightsFolder
from tunesmith.training.actions import run_action
from tunesmith.training.base_models import weights_of
from tunesmith.training.engine.checkpoints import load_checkpoint
from tunesmith.training.failures import JobError, StoppedError

FROZEN = SMALL | {"model.backbone.freeze_backbone": True, "train.enable_ema": False}


@pytest.fixture(scope="module")
def published() -> dict[str, torch.Tensor]:
    """What somebody published: a small model with a classifier for 1000 classes."""
    torch.manual_seed(7)
    return timm.create_model("test_resnet").state_dict()


@pytest.fixture
def hub(published: dict[str, torch.Tensor]) -> Iterator[Hub]:
    running = Hub()
    running.add("timm/test_resnet.r160_in1k", "model.safetensors", save(published))
    yield running
    running.close()


@pytest.fixture
def entry() -> BaseModelEntry:
    return next(one for one in catalogue().values() if one.name == "test_resnet.r160_in1k")


@pytest.fixture
def model(entry: BaseModelEntry, hub: Hub, tmp_path: Path) -> ModelInput:
    source = entry.source.model_dump()
    return ModelInput(id=entry.id, name=entry.ngc_path, **source, hub=hub.url, folder=tmp_path / "model")


def refused(bench: Bench, model: ModelInput) -> JobError:
    with pytest.raises(JobError) as caught:
        weights_of(bench.prepare("pull_model", {}), model)
    return caught.value


def test_a_training_starts_from_the_published_backbone(
    bench: Bench, digits: DatasetInput, model: ModelInput, published: dict[str, torch.Tensor]
):
    done = bench.run("train", FROZEN, train_datasets=(digits,), eval_dataset=digits, base_models=(model,))
    saved = load_checkpoint(done.results / "model_latest.pth")
    trained = {name.removeprefix("net."): value for name, value in saved["model"].items()}
    backbone = {name for name in published if not name.startswith("fc.")}
    for name in backbone:
        torch.testing.assert_close(trained[name], published[name], rtol=0, atol=0)
    assert trained["fc.weight"].shape[0] == 10
    (said,) = (note for note in done.notes if "weights were loaded" in note)
    assert said.startswith(f"base_experiment {model.name}")
    assert f"{len(backbone)} of the model's weights" in said
    assert "The classifier of 10 classes begins anew" in said
    assert "are not in it" not in said


def test_weights_are_fetched_once(bench: Bench, model: ModelInput, hub: Hub):
    run = bench.prepare("pull_model", {}, base_models=(model,))
    assert run_action(run) == {"valid": True}
    run_action(run)
    assert hub.asked == [("model.safetensors", 0)]
    card = WeightsFolder(model.folder).card()
    assert card is not None
    assert card.revision == hub.commit("models", model.repo)
    assert {path.name for path in model.folder.iterdir()} == {"lock", "card.json", "weights.safetensors"}


def test_a_download_goes_on_where_it_broke(bench: Bench, model: ModelInput, hub: Hub):
    hub.breaks = [100_000, 50_000, 0]
    error = refused(bench, model)
    assert error.cause is Cause.STORAGE
    assert model.name in str(error)
    content = hub.files["models", model.repo, model.file]
    assert weights_of(bench.prepare("pull_model", {}), model).read_bytes() == content
    assert [start for _, start in hub.asked] == [0, 100_000, 150_000, 150_000]


def test_another_file_meanwhile_is_fetched_from_its_beginning(bench: Bench, model: ModelInput, hub: Hub):
    hub.breaks = [100_000, 0]
    refused(bench, model)
    content = save({"weight": torch.zeros(3)})
    hub.add(model.repo, model.file, content)
    assert weights_of(bench.prepare("pull_model", {}), model).read_bytes() == content


def test_a_stop_leaves_what_has_arrived(bench: Bench, model: ModelInput, hub: Hub):
    stop = threading.Event()
    stop.set()
    with pytest.raises(StoppedError):
        weights_of(bench.prepare("pull_model", {}, stop=stop), model)
    assert weights_of(bench.prepare("pull_model", {}), model).exists()


def test_what_is_damaged_on_the_way_is_refused(bench: Bench, model: ModelInput, hub: Hub):
    hub.lies.add("model.safetensors")
    assert "what arrived is damaged" in str(refused(bench, model))
    assert WeightsFolder(model.folder).card() is None
    hub.lies.clear()
    assert weights_of(bench.prepare("pull_model", {}), model).exists()


def test_what_is_damaged_on_the_disk_is_fetched_again(bench: Bench, model: ModelInput, hub: Hub):
    path = weights_of(bench.prepare("pull_model", {}), model)
    content = path.read_bytes()
    path.write_bytes(content[:-1] + bytes([content[-1] ^ 1]))
    assert weights_of(bench.prepare("pull_model", {}), model).read_bytes() == content
    assert len(hub.asked) == 2


@pytest.mark.parametrize("content", [b"", b"not weights", save({})])
def test_what_is_no_weights_is_refused(bench: Bench, model: ModelInput, hub: Hub, content: bytes):
    hub.add(model.repo, model.file, content)
    assert "the file on the hub" in str(refused(bench, model))


def test_a_hub_without_the_file_or_without_life(bench: Bench, model: ModelInput, hub: Hub):
    missing = refused(bench, model.model_copy(update={"file": "nothing.safetensors"}))
    assert "answers with status 404" in str(missing)
    assert f"tunesmith models add FILE --ngc-path {model.name}" in missing.advice
    gone = refused(bench, model.model_copy(update={"hub": "http://127.0.0.1:9"}))
    assert "does not answer" in str(gone)


def test_nothing_is_fetched_offline(bench: Bench, model: ModelInput, hub: Hub, tmp_path: Path):
    offline = model.model_copy(update={"hub": None})
    assert "TUNESMITH_OFFLINE" in str(refused(bench, offline))
    assert hub.asked == []
    brought = tmp_path / "brought.safetensors"
    brought.write_bytes(save({"weight": torch.zeros(3)}))
    WeightsFolder(model.folder).copy_in(brought, "brought")
    assert weights_of(bench.prepare("pull_model", {}), offline).read_bytes() == brought.read_bytes()


def test_weights_of_another_model_are_refused(
    bench: Bench, digits: DatasetInput, model: ModelInput, hub: Hub
):
    hub.add(model.repo, model.file, save({"layer.weight": torch.zeros(3)}))
    with pytest.raises(JobError, match=r"no weight in weights.safetensors fits the model") as caught:
        bench.run("train", SMALL, train_datasets=(digits,), eval_dataset=digits, base_models=(model,))
    assert caught.value.cause is Cause.BAD_SPEC
