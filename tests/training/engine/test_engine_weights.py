"""Pretrained weights: found under many names, read as data alone, told apart by what fits."""

from pathlib import Path

import pytest
import timm
import torch
from safetensors.torch import save_file
from torch import nn

from tunesmith.protocol import Cause
from tunesmith.training.engine.weights import fit, load_weights, read_weights, workspace_file
from tunesmith.training.failures import JobError

KEY = "model.backbone.pretrained_backbone_path"


def net(seed=0, classes=10):
    torch.manual_seed(seed)
    return timm.create_model("test_resnet", num_classes=classes)


def equal(one: nn.Module, other: nn.Module) -> bool:
    pairs = zip(one.state_dict().values(), other.state_dict().values(), strict=True)
    return all(torch.equal(mine, its) for mine, its in pairs)


@pytest.mark.parametrize(
    "wrap",
    [
        lambda weights: weights,
        lambda weights: {
            "state_dict": {f"module.{name}": value for name, value in weights.items()},
            "epoch": 3,
        },
        lambda weights: {"model": {f"backbone.{name}": value for name, value in weights.items()}},
        lambda weights: {"model": {f"model.net.{name}": value for name, value in weights.items()}},
        lambda weights: {"model": {}, "ema": {"model": weights, "steps": 7}},
    ],
)
def test_weights_are_found_in_common_nests_under_common_prefixes(tmp_path, wrap):
    source, target = net(1), net(2)
    torch.save(wrap(source.state_dict()), tmp_path / "weights.pth")
    told = load_weights(target, tmp_path / "weights.pth", KEY)
    assert equal(source, target)
    assert told == f"{KEY} (weights.pth): {len(source.state_dict())} of the model's weights were loaded."


def test_safetensors_are_read(tmp_path):
    source, target = net(1), net(2)
    save_file(source.state_dict(), tmp_path / "weights.safetensors")
    load_weights(target, tmp_path / "weights.safetensors", KEY)
    assert equal(source, target)


def test_other_shapes_and_missing_names_are_counted_and_named():
    source = net(1, classes=3).state_dict()
    del source["conv1.0.weight"]
    source["extra"] = torch.zeros(1)
    target = net(2)
    fitting = fit(target, source)
    assert fitting.missing == ("conv1.0.weight",)
    assert fitting.mismatched == ("fc.weight", "fc.bias")
    sentence = fitting.sentence("here")
    assert "1 are not in it (conv1.0.weight)" in sentence
    assert "2 have another shape (fc.weight, fc.bias)" in sentence
    assert "1 of its weights were not used" in sentence


def test_names_to_ignore_stay_as_they_are():
    source, target = net(1), net(2)
    before = target.state_dict()["fc.weight"].clone()
    fitting = fit(target, source.state_dict(), ignore=("fc.",))
    assert torch.equal(target.state_dict()["fc.weight"], before)
    assert "fc.weight" not in fitting.matched + fitting.missing


def test_positions_of_another_image_size_are_interpolated():
    small, large = (timm.create_model("test_vit", img_size=size, num_classes=0) for size in (32, 64))
    fitting = fit(large, small.state_dict())
    assert fitting.missing == fitting.mismatched == ()


def test_a_model_that_does_not_fit_at_all_is_refused(tmp_path):
    torch.save(nn.Linear(2, 2).state_dict(), tmp_path / "other.pth")
    with pytest.raises(JobError, match=r"no weight in other\.pth fits the model.*conv1\.0\.weight") as failed:
        load_weights(net(), tmp_path / "other.pth", KEY)
    assert failed.value.cause is Cause.BAD_SPEC


class Trap:
    def __reduce__(self):
        return (Path.touch, (Path("trapped"),))


@pytest.mark.parametrize("name", ["weights.pth", "weights.safetensors"])
@pytest.mark.parametrize("content", [b"", b"junk" * 50])
def test_junk_is_refused(tmp_path, name, content):
    (tmp_path / name).write_bytes(content)
    with pytest.raises(JobError, match=f"{name} (cannot be read|holds Python objects)"):
        read_weights(tmp_path / name, KEY)


def test_code_is_never_run(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    torch.save({"state_dict": Trap()}, tmp_path / "weights.pth")
    with pytest.raises(JobError, match="holds Python objects, which are not safe to load"):
        read_weights(tmp_path / "weights.pth", KEY)
    assert not (tmp_path / "trapped").exists()


@pytest.mark.parametrize("content", [[1, 2], {"epoch": 3}, torch.zeros(2)])
def test_a_file_without_weights_is_refused(tmp_path, content):
    torch.save(content, tmp_path / "weights.pth")
    with pytest.raises(JobError, match="holds no weights"):
        read_weights(tmp_path / "weights.pth", KEY)


def test_the_file_is_a_key_of_the_workspace(bench):
    run = bench.prepare("train", {})
    (bench.workspace.path / "models").mkdir(exist_ok=True)
    torch.save(net().state_dict(), bench.workspace.path / "models" / "mine.pth")
    assert workspace_file(run, "/models/mine.pth", KEY).name == "mine.pth"
    for missing in ("models/other.pth", "../outside.pth"):
        with pytest.raises(JobError, match=f"{KEY}: .*{missing.rsplit('/', maxsplit=1)[-1]}") as failed:
            workspace_file(run, missing, KEY)
        assert failed.value.cause is Cause.BAD_SPEC
