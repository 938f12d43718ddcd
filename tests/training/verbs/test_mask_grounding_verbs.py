"""Masks of what words name, from training to predictions."""

import json

import numpy as np
import pytest
from bench.learn.encoder import write_encoder
from tests.training.boxes import write_boxed_scenes
from tests.training.jobs import Bench, Finished
from tests.training.words import SMALL_WORDS, write_worded_scenes

from tunesmith.data.masks import parse_rle
from tunesmith.protocol import DatasetInput, Metrics
from tunesmith.specs import SpecError

NETWORK = "mask_grounding_dino"
ENCODER = "encoders/masked-bert"
KEYS = SMALL_WORDS | {"model.text_encoder_type": ENCODER}


@pytest.fixture(scope="module")
def scenes(bench: Bench, tmp_path_factory: pytest.TempPathFactory) -> dict[str, DatasetInput]:
    """Datasets with masks: in COCO format to learn from (train), in ODVG format to measure on (val)."""
    folder = tmp_path_factory.mktemp("masks")
    write_encoder(bench.workspace.path / ENCODER)
    write_boxed_scenes(folder / "train", 72, masks="polygons")
    write_worded_scenes(folder / "val", 16, split="val", masks=True)
    kinds = {"train": "segmentation coco", "val": "segmentation odvg"}
    return {name: bench.dataset(folder / name, f"masks-{name}", kind) for name, kind in kinds.items()}


@pytest.fixture(scope="module")
def detector(bench: Bench, scenes) -> Finished:
    """A small model, trained until it is clearly good."""
    changes = {"train.num_epochs": 10, "train.validation_interval": 10, "train.checkpoint_interval": 10}
    return train(bench, scenes, changes)


@pytest.fixture(scope="module")
def exported(bench: Bench, detector: Finished, scenes) -> Finished:
    return run(bench, "export", detector.parent("model_best.pth"), eval_dataset=scenes["val"])


@pytest.fixture(scope="module")
def engine(bench: Bench, exported: Finished, scenes) -> Finished:
    return run(bench, "gen_trt_engine", exported.parent("model.onnx"), eval_dataset=scenes["val"])


def train(bench: Bench, scenes, changes, **request) -> Finished:
    datasets = {"train_datasets": (scenes["train"],), "eval_dataset": scenes["val"]}
    return bench.run("train", KEYS | changes, network=NETWORK, **(datasets | request))


def run(bench: Bench, action: str, parent, changes=None, **request) -> Finished:
    return bench.run(action, KEYS | (changes or {}), network=NETWORK, parent=parent, **request)


def test_it_learns_boxes_and_masks(detector):
    assert detector.outcome["best_metric"]["name"] == "bbox_val_mAP50"
    assert detector.outcome["metrics"]["bbox_val_mAP50"] > 0.35
    assert detector.outcome["metrics"]["segm_val_mAP50"] > 0.1
    reported = [event for event in detector.events if isinstance(event, Metrics)][-1]
    assert {"train_loss_mask", "train_loss_dice", "val_mAP50"} <= reported.values.keys()


def test_a_graph_has_the_masks_and_measures_the_same(bench, detector, exported, scenes):
    assert exported.outcome["outputs"] == ["pred_logits", "pred_boxes", "pred_masks"]
    compared = {(one["output"], one["batch_size"]) for one in exported.outcome["differences"]}
    assert compared == {(name, size) for name in exported.outcome["outputs"] for size in (1, 3)}
    assert exported.outcome["onnx_max_abs_diff"] < 1e-2
    job = run(bench, "evaluate", exported.parent("model.onnx"), eval_dataset=scenes["val"])
    for name in ("bbox_val_mAP50", "segm_val_mAP50"):
        assert job.outcome["metrics"][name] == pytest.approx(detector.outcome["metrics"][name], abs=0.01)


def test_an_engine_measures_as_its_graph_does(engine):
    before, after = engine.outcome["accuracy"].values()
    for name in ("bbox_val_mAP50", "segm_val_mAP50"):
        assert after[name] == pytest.approx(before[name], abs=0.02)


@pytest.mark.parametrize("kind", ["checkpoint", "engine"])
def test_predictions_outline_what_they_find(bench, detector, engine, scenes, kind):
    parent = detector.parent("model_best.pth") if kind == "checkpoint" else engine.parent("model.engine")
    job = run(bench, "inference", parent, {"inference.conf_threshold": 0.2}, inference_dataset=scenes["val"])
    whole = json.loads((job.results / "predictions.json").read_text())
    assert whole["annotations"]
    sizes = {one["id"]: (one["height"], one["width"]) for one in whole["images"]}
    shares = []
    for one in whole["annotations"]:
        mask = parse_rle(one["segmentation"]).mask()
        assert mask.shape == sizes[one["image_id"]]
        left, top, width, height = (round(side) for side in one["bbox"])
        inside = mask[top : top + height, left : left + width].sum()
        shares.append(inside / max(1, mask.sum()))
    assert np.median(shares) > 0.5


def test_masks_are_asked_for_as_a_whole_or_not_at_all(bench, scenes):
    with pytest.raises(SpecError, match=r"model\.has_mask: must be false where"):
        train(bench, scenes, {"dataset.has_mask": False})
    job = train(bench, scenes, {"model.has_mask": False, "train.is_dry_run": True})
    assert "bbox_val_mAP50" in job.outcome["metrics"]
    assert "segm_val_mAP50" not in job.outcome["metrics"]
