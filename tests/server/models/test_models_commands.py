"""Weights that an operator brings to a server: the commands on its machine."""

import json
from pathlib import Path

import pytest
import torch
from safetensors.torch import save
from typer.testing import CliRunner, Result

from tunesmith.__main__ import app
from tunesmith.networks.catalogue import catalogue
from tunesmith.storage.weights import WeightsFolder, sha256_of

NAME = "timm/resnet18:a1_in1k"
(IDENTITY,) = (one for one, entry in catalogue().items() if entry.ngc_path == NAME)


@pytest.fixture
def weights(tmp_path: Path) -> Path:
    path = tmp_path / "mine.safetensors"
    path.write_bytes(save({"conv1.weight": torch.ones(3)}))
    return path


def run(tmp_path: Path, *words: object) -> Result:
    return CliRunner().invoke(app, ["models", *map(str, words), "--data-dir", str(tmp_path / "data")])


def test_weights_are_added_and_listed(tmp_path: Path, weights: Path):
    added = run(tmp_path, "add", weights, "--ngc-path", NAME, "--json")
    assert added.exit_code == 0, added.output
    assert json.loads(added.stdout)["sha256"] == sha256_of(weights)
    kept = WeightsFolder(tmp_path / "data" / "models" / str(IDENTITY)).whole()
    assert kept is not None
    assert kept.read_bytes() == weights.read_bytes()
    listed = json.loads(run(tmp_path, "list", "--json").stdout)
    assert [one["ngc_path"] for one in listed if one["size"]] == [NAME]
    assert len(listed) == len(catalogue())


def test_weights_saved_by_torch_replace_others(tmp_path: Path, weights: Path):
    run(tmp_path, "add", weights, "--ngc-path", NAME)
    other = tmp_path / "other.pth"
    torch.save({"state_dict": {"conv1.weight": torch.zeros(3)}}, other)
    assert run(tmp_path, "add", other, "--ngc-path", NAME).exit_code == 0
    kept = WeightsFolder(tmp_path / "data" / "models" / str(IDENTITY)).whole()
    assert kept is not None
    assert kept.read_bytes() == other.read_bytes()


def test_a_base_experiment_is_named_by_its_id_too(tmp_path: Path, weights: Path):
    assert run(tmp_path, "add", weights, "--id", IDENTITY).exit_code == 0
    (here,) = (one for one in json.loads(run(tmp_path, "list", "--json").stdout) if one["size"])
    assert (here["id"], here["ngc_path"]) == (str(IDENTITY), NAME)
    assert run(tmp_path, "add", weights).exit_code == 2
    assert run(tmp_path, "add", weights, "--id", IDENTITY, "--ngc-path", NAME).exit_code == 2


class Trap:
    def __reduce__(self):
        return (Path.touch, (Path("trapped"),))


def test_what_is_refused(tmp_path: Path, weights: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.chdir(tmp_path)
    torch.save({"state_dict": Trap()}, tmp_path / "trap.pth")
    (tmp_path / "junk.safetensors").write_bytes(b"junk")
    for name, said in (("trap.pth", "not safe to load"), ("junk.safetensors", "cannot be read")):
        refused = run(tmp_path, "add", tmp_path / name, "--ngc-path", NAME)
        assert refused.exit_code == 2
        assert said in " ".join(refused.stderr.replace("│", " ").split())
    assert not (tmp_path / "trapped").exists()
    unknown = run(tmp_path, "add", weights, "--ngc-path", "timm/unheard:of")
    assert unknown.exit_code == 1
    assert run(tmp_path, "add", tmp_path / "missing", "--ngc-path", NAME).exit_code == 2
    assert WeightsFolder(tmp_path / "data" / "models" / str(IDENTITY)).card() is None
