import json
from pathlib import Path

import onnx
import pytest
from PIL import Image

from tunesmith.client.commands import ExitCode
from tunesmith.demo import Recipe, run

STEPS = [
    "server",
    "data",
    "login",
    "workspace",
    "datasets",
    "experiment",
    "train",
    "evaluate",
    "export",
    "inference",
    "inference_onnx",
    "download",
]


def test_the_demo_learns_and_shows_what_it_did(tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    recipe = Recipe(train_images=640, val_images=150, test_images=150, epochs=4)
    assert run(tmp_path / "out", tmp_path / "demo.svg", recipe) == ExitCode.OK

    summary = json.loads((tmp_path / "out" / "summary.json").read_text())
    assert summary["val_accuracy"] > 0.9
    assert summary["test_accuracy"] > 0.9
    assert summary["onnx_max_abs_diff"] < 1e-3
    assert summary["onnx_agreement"] == 1.0
    assert list(summary["seconds"]) == STEPS

    shown = capsys.readouterr().out
    assert f"{summary['val_accuracy']:.1%}" in shown
    assert "validation&#160;accuracy" in (tmp_path / "demo.svg").read_text()
    for name in ("training.png", "predictions.png"):
        assert min(Image.open(tmp_path / "out" / name).size) > 400
    files = tmp_path / "out" / "files"
    onnx.checker.check_model(str(files / "export" / "model.onnx"))
    assert "epoch 4/4" in (files / "train" / "log.txt").read_text()
    assert (files / "train" / "model_best.pth").stat().st_size > 0


def test_a_job_that_fails_ends_the_demo_with_its_reason(tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    recipe = Recipe(train_images=20, val_images=10, test_images=10, backbone="resnet9000")
    assert run(tmp_path / "out", recipe=recipe) == ExitCode.FAILED
    shown = capsys.readouterr().out
    assert "✗ Train" in shown
    assert "resnet9000" in shown
    assert str(tmp_path / "out" / "server.log").rsplit("/", maxsplit=1)[-1] in shown
    assert not (tmp_path / "out" / "summary.json").exists()
