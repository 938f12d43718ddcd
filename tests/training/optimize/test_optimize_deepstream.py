"""Configurations for DeepStream say how pixels become inputs."""

from configparser import ConfigParser

import pytest
import torch
from torch import nn

from tunesmith.training.optimize.deepstream import configuration
from tunesmith.training.tasks.base import ExportPlan


def read(text: str) -> dict[str, str]:
    parser = ConfigParser()
    parser.read_string(text)
    return dict(parser["property"])


def plan(std: str) -> ExportPlan:
    return ExportPlan(
        module=nn.Identity(),
        example=torch.zeros(2, 3, 64, 96),
        input_name="input_1",
        output_names=("logits", "probs"),
        metadata={"mean": "0.5 0.4 0.3", "std": std},
        labels=("cat", "dog"),
    )


def test_the_scale_of_pixels_is_that_of_the_training():
    notes: list[str] = []
    found = read(configuration(plan("0.25 0.25 0.25"), "classification", "model.onnx", notes.append))
    pixel, mean = 200.0, 0.5
    offset = float(found["offsets"].split(";")[0])
    assert float(found["net-scale-factor"]) * (pixel - offset) == pytest.approx((pixel / 255 - mean) / 0.25)
    assert (found["infer-dims"], found["network-type"]) == ("3;64;96", "1")
    assert (found["num-detected-classes"], found["output-blob-names"]) == ("2", "logits;probs")
    assert found["onnx-file"] == "model.onnx"
    assert notes == []


def test_what_it_cannot_say_is_told():
    notes: list[str] = []
    found = read(configuration(plan("0.2 0.25 0.3"), "detection", "model.onnx", notes.append))
    assert float(found["net-scale-factor"]) == pytest.approx(1 / (255 * 0.25))
    assert (found["network-type"], found["output-tensor-meta"]) == ("100", "1")
    assert len(notes) == 1
