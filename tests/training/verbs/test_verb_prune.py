"""Pruning and retraining: half the work, nearly the accuracy, and a model like any other."""

import json

import pytest
from tests.training.jobs import Bench, Finished

from tunesmith.protocol import DatasetInput
from tunesmith.training.engine.checkpoints import load_checkpoint
from tunesmith.training.failures import JobError

TF2 = {
    "model.backbone": "timm/test_efficientnet",
    "model.input_width": 32,
    "model.input_height": 32,
    "train.batch_size_per_gpu": 16,
    "train.n_workers": 1,
    "train.num_epochs": 8,
    "train.validation_interval": 1,
    "train.precision": "fp32",
    "train.optim_config.optimizer": "adam",
    "train.optim_config.lr": 4e-3,
    "train.optim_config.beta_1": 0.9,
    "train.optim_config.beta_2": 0.999,
    "dataset.preprocess_mode": "torch",
    "dataset.augmentation.enable_random_crop": False,
    "dataset.augmentation.disable_horizontal_flip": True,
    "prune.min_num_filters": 8,
}
NETWORK = "classification_tf2"


@pytest.fixture(scope="module")
def mapped(bench: Bench, digits_dataset) -> DatasetInput:
    """The digits in the layout of the network: classes in a class map."""
    source = bench.root / "mapped"
    source.mkdir()
    for path in digits_dataset.iterdir():
        if path.name != "classes.txt":
            (source / path.name).hardlink_to(path)
    (source / "classmap.json").write_text(json.dumps({str(digit): digit for digit in range(10)}))
    return bench.dataset(source, "mapped", f"image_classification {NETWORK}")


@pytest.fixture(scope="module")
def run(bench: Bench, mapped: DatasetInput):
    def ran(action: str, parent=None, **keys) -> Finished:
        data = {"train_datasets": (mapped,)} if action in ("train", "retrain") else {}
        return bench.run(action, TF2 | keys, network=NETWORK, parent=parent, eval_dataset=mapped, **data)

    return ran


@pytest.fixture(scope="module")
def whole(run) -> Finished:
    return run("train")


@pytest.fixture(scope="module")
def pruned(run, whole: Finished) -> Finished:
    keys = {"prune.threshold": 0.84, "prune.equalization_criterion": "arithmetic_mean"}
    return run("prune", whole.parent("model_best.pth"), **keys)


@pytest.fixture(scope="module")
def retrained(run, pruned: Finished) -> Finished:
    return run("retrain", pruned.parent("model.pth"), **{"train.num_epochs": 20})


def test_a_model_of_the_older_dialect_learns(whole):
    assert whole.outcome["best_metric"]["name"] == "val_accuracy"
    assert whole.outcome["best_metric"]["value"] > 0.85


def test_pruning_halves_the_work_and_says_what_it_cost(pruned):
    figures = json.loads((pruned.results / "prune.json").read_text())
    assert figures["flops"]["after"] <= 0.5 * figures["flops"]["before"]
    assert figures["parameters"]["after"] < figures["parameters"]["before"]
    assert set(figures["latency_ms"]) == {"before", "after"}
    assert figures["accuracy"]["before"]["val_accuracy"] > figures["accuracy"]["after"]["val_accuracy"]


def test_a_retrained_model_is_nearly_as_good_as_the_whole_one(run, whole, retrained):
    before, after = (job.outcome["best_metric"]["value"] for job in (whole, retrained))
    assert after >= before - 0.02
    evaluated = run("evaluate", retrained.parent("model_best.pth"))
    assert evaluated.outcome["metrics"]["val_accuracy"] == pytest.approx(after)


def test_a_retrained_model_goes_all_the_way_to_an_engine(run, retrained, pruned):
    exported = run("export", retrained.parent("model_best.pth"))
    assert exported.outcome["onnx_max_abs_diff"] < 1e-3
    engine = run("gen_trt_engine", exported.parent("model.onnx"))
    found = run("inference", engine.parent("model.engine"))
    assert found.outcome["accuracy"] > 0.8
    size = sum(value.numel() for value in load_checkpoint(pruned.results / "model.pth")["model"].values())
    assert (exported.results / "model.onnx").stat().st_size < 4 * size + 200_000


def test_a_retraining_that_stopped_goes_on(run, bench, mapped, pruned, retrained):
    keys = TF2 | {"train.num_epochs": 1}
    request = {"network": NETWORK, "parent": pruned.parent("model.pth"), "train_datasets": (mapped,)}
    first = bench.run("retrain", keys, eval_dataset=mapped, **request)
    again = bench.run(
        "retrain",
        keys | {"train.num_epochs": 2},
        folder=first.run.folder.root,
        job_id=first.run.request.job_id,
        attempt=2,
        eval_dataset=mapped,
        **request,
    )
    assert again.outcome["epochs"] == 2
    assert load_checkpoint(again.results / "model_latest.pth")["cuts"]


def test_a_pruned_model_can_be_pruned_again(run, retrained):
    again = run("prune", retrained.parent("model_best.pth"), **{"prune.threshold": 1.0})
    assert again.outcome["parameters"]["after"] < again.outcome["parameters"]["before"]
    run("evaluate", again.parent("model.pth"))


@pytest.mark.parametrize("normalizer", ["max", "L2"])
@pytest.mark.parametrize("criterion", ["union", "intersection", "arithmetic_mean", "geometric_mean"])
def test_every_criterion_prunes(run, whole, normalizer, criterion):
    keys = {
        "prune.threshold": 0.9 if normalizer == "max" else 0.3,
        "prune.normalizer": normalizer,
        "prune.equalization_criterion": criterion,
    }
    job = run("prune", whole.parent("model_best.pth"), **keys)
    assert job.outcome["parameters"]["after"] < job.outcome["parameters"]["before"]


def test_what_is_left_keeps_to_granularity_least_number_and_exclusions(run, whole):
    keys = {"prune.threshold": 10.0, "prune.min_num_filters": 24, "prune.granularity": 16}
    job = run("prune", whole.parent("model_best.pth"), **keys)
    state = load_checkpoint(job.results / "model.pth")["model"]
    before = load_checkpoint(whole.results / "model_best.pth")["model"]
    for name, weight in state.items():
        if weight.dim() == 4 and weight.shape[0] != before[name].shape[0]:
            assert weight.shape[0] == 32  # the multiple of 16 that is not below 24
    spared = run("prune", whole.parent("model_best.pth"), **keys, **{"prune.excluded_layers": ["net.*"]})
    assert spared.outcome["pruned_groups"] == 0
    assert any("Nothing was pruned" in note for note in spared.notes)


def test_retraining_keeps_the_parents_structure(run, pruned):
    job = run(
        "retrain", pruned.parent("model.pth"), **{"model.backbone": "efficientnet-b0", "train.num_epochs": 1}
    )
    assert any("The section model of the specs is that of the parent's" in note for note in job.notes)
    with pytest.raises(JobError, match="needs a parent job"):
        run("retrain")
