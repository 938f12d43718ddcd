"""Grounded detection from training to predictions: it learns words, and every action agrees with it."""

import json

import pytest
import torch
from bench.learn.encoder import write_encoder
from tests.training.boxes import COCO, write_boxed_scenes
from tests.training.jobs import Bench, Finished
from tests.training.words import ENCODER, SMALL_WORDS, write_worded_scenes

from tunesmith.data.errors import DatasetError
from tunesmith.protocol import DatasetInput, Metrics
from tunesmith.specs import SpecError
from tunesmith.training.engine.checkpoints import load_checkpoint
from tunesmith.training.failures import JobError

ODVG = "object_detection odvg"
INPUTS = ["input_ids", "attention_mask", "position_ids", "token_type_ids", "text_token_mask"]


@pytest.fixture(scope="module")
def scenes(bench: Bench, tmp_path_factory: pytest.TempPathFactory) -> dict[str, DatasetInput]:
    """Datasets in ODVG format to learn from, with classes (train) and captions, and one in COCO's (val)."""
    folder = tmp_path_factory.mktemp("words")
    write_encoder(bench.workspace.path / ENCODER)
    write_worded_scenes(folder / "train", 72)
    write_worded_scenes(folder / "captions", 16, captions=True, seed=5)
    write_boxed_scenes(folder / "val", 20, "val")
    kinds = {"train": ODVG, "captions": ODVG, "val": COCO}
    return {name: bench.dataset(folder / name, f"words-{name}", kind) for name, kind in kinds.items()}


@pytest.fixture(scope="module")
def detector(bench: Bench, scenes) -> Finished:
    """A small model, trained until it is clearly good."""
    changes = {"train.num_epochs": 8, "train.validation_interval": 8, "train.checkpoint_interval": 8}
    return train(bench, scenes, changes, train_datasets=(scenes["train"], scenes["captions"]))


@pytest.fixture(scope="module")
def exported(bench: Bench, detector: Finished, scenes) -> Finished:
    return run(bench, "export", detector.parent("model_best.pth"), eval_dataset=scenes["val"])


def train(bench: Bench, scenes, changes, **request) -> Finished:
    datasets = {"train_datasets": (scenes["train"],), "eval_dataset": scenes["val"]}
    return bench.run("train", SMALL_WORDS | changes, network="grounding_dino", **(datasets | request))


def run(bench: Bench, action: str, parent, changes=None, **request) -> Finished:
    # The structure and the words come from the model: the job's own spec names other ones.
    specs = SMALL_WORDS | {"model.backbone": "resnet_50", "model.text_encoder_type": "none here"}
    return bench.run(action, specs | (changes or {}), network="grounding_dino", parent=parent, **request)


def test_it_learns_to_find_what_words_name(detector):
    assert detector.outcome["metrics"]["val_mAP50"] > 0.4
    reported = [event for event in detector.events if isinstance(event, Metrics)][-1]
    assert set(reported.per_category["AP50"]) == {"zero", "one"}
    (said,) = (note for note in detector.notes if note.startswith("model.text_encoder_type"))
    assert "weights were loaded" in said
    assert "They come from the workspace" in said


@pytest.mark.parametrize("kind", ["checkpoint", "graph"])
def test_every_form_of_the_model_measures_the_same(bench, detector, exported, scenes, kind):
    parent = detector.parent("model_best.pth") if kind == "checkpoint" else exported.parent("model.onnx")
    job = run(bench, "evaluate", parent, eval_dataset=scenes["val"])
    for name in ("val_mAP50", "val_loss"):
        assert job.outcome["metrics"][name] == pytest.approx(detector.outcome["metrics"][name], abs=2e-3)
    figures = json.loads((job.results / "metrics.json").read_text())
    assert figures["classes"].keys() == {"zero", "one"}


def test_the_graph_takes_texts_and_agrees_with_torch(exported):
    import onnx

    graph = onnx.load(exported.results / "model.onnx").graph
    assert [one.name for one in graph.input] == ["inputs", *INPUTS]
    sizes = [
        [part.dim_param or part.dim_value for part in one.type.tensor_type.shape.dim] for one in graph.input
    ]
    assert {size[0] for size in sizes} == {"batch"}
    assert [size[1:] for size in sizes[1:]] == [[32]] * 4 + [[32, 32]]
    assert exported.outcome["outputs"] == ["pred_logits", "pred_boxes"]
    assert {one["batch_size"] for one in exported.outcome["differences"]} == {1, 3}
    assert exported.outcome["onnx_max_abs_diff"] < 1e-3


def test_an_engine_looks_for_other_phrases_than_it_was_exported_with(bench, exported, scenes):
    keys = {"gen_trt_engine.tensorrt.max_batch_size": 4}
    built = run(bench, "gen_trt_engine", exported.parent("model.onnx"), keys, eval_dataset=scenes["val"])
    before, after = (values["val_mAP50"] for values in built.outcome["accuracy"].values())
    assert after == pytest.approx(before, abs=0.02)
    changes = {
        "dataset.infer_data_sources": {"captions": ["one . a tall cat", "zero"]},
        "inference.conf_threshold": 0.1,
    }
    parent = built.parent("model.engine")
    job = run(bench, "inference", parent, changes, inference_dataset=scenes["val"])
    whole = json.loads((job.results / "predictions.json").read_text())
    assert [one["name"] for one in whole["categories"]] == ["one", "a tall cat", "zero"]
    usual = run(
        bench, "inference", parent, {"inference.conf_threshold": 0.1}, inference_dataset=scenes["val"]
    )
    named = json.loads((usual.results / "predictions.json").read_text())
    assert [one["name"] for one in named["categories"]] == ["zero", "one"]
    found = {one["id"]: one["name"] for one in named["categories"]}
    assert {found[one["category_id"]] for one in named["annotations"]} == {"zero", "one"}


def test_phrases_of_a_job_are_looked_for_by_a_checkpoint(bench, detector, scenes):
    changes = {"dataset.infer_data_sources": {"captions": ["One"]}, "inference.conf_threshold": 0.2}
    parent = detector.parent("model_best.pth")
    job = run(bench, "inference", parent, changes, inference_dataset=scenes["val"])
    whole = json.loads((job.results / "predictions.json").read_text())
    assert [one["name"] for one in whole["categories"]] == ["One"]
    assert whole["annotations"]
    too_many = {"dataset.infer_data_sources": {"captions": [f"word{count}" for count in range(40)]}}
    with pytest.raises(SpecError, match=r"40 phrases do not fit into a text of 32 tokens"):
        run(bench, "inference", parent, too_many, inference_dataset=scenes["val"])


def test_a_training_goes_on_from_another_ones_weights(bench, detector, scenes):
    prefix = detector.run.request.results.location.prefix
    keys = {
        "train.pretrained_model_path": f"{prefix}/model_best.pth",
        "train.optim.lr": 0.0,
        "train.optim.lr_backbone": 0.0,
        "train.freeze": ["backbone", "bert"],
        "train.is_dry_run": True,
    }
    job = train(bench, scenes, keys)
    before = load_checkpoint(detector.results / "model_best.pth")["model"]
    after = load_checkpoint(job.results / "model_latest.pth")["model"]
    assert torch.equal(before["bbox_embed.layers.0.weight"], after["bbox_embed.layers.0.weight"])


def test_an_encoder_that_is_nowhere_is_named_with_the_remedy(bench, scenes):
    with pytest.raises(
        JobError, match=r"model\.text_encoder_type: there is no text encoder 'no/such'"
    ) as told:
        train(bench, scenes, {"model.text_encoder_type": "no/such"})
    assert "workspace" in told.value.advice


def test_captions_alone_name_no_classes(bench, scenes):
    datasets = {"train_datasets": (scenes["captions"],), "eval_dataset": None}
    with pytest.raises(DatasetError, match="No dataset of the job has classes"):
        train(bench, scenes, {}, **datasets)
    job = train(bench, scenes, {"train.is_dry_run": True}, eval_dataset=scenes["captions"])
    assert any("holds captions alone; it is not validated on" in note for note in job.notes)
