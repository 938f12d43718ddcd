"""Optimisers: which parameters they change, and with which decay."""

import pytest
import torch
from torch import nn

from tunesmith.training.engine.optimizers import build_optimizer
from tunesmith.training.engine.settings import OptimizerSettings


def module():
    return nn.Sequential(nn.Linear(2, 2), nn.BatchNorm1d(2), nn.Linear(2, 1))


@pytest.mark.parametrize(
    ("name", "kind"), [("adamw", torch.optim.AdamW), ("adam", torch.optim.Adam), ("sgd", torch.optim.SGD)]
)
@pytest.mark.parametrize("fused", [True, False])
def test_each_name_builds_its_optimiser(name, kind, fused):
    settings = OptimizerSettings(name, lr=0.1, momentum=0.8, betas=(0.7, 0.9))
    built = build_optimizer(module(), settings, fused=fused)
    assert type(built) is kind
    group = built.param_groups[0]
    assert group["lr"] == 0.1
    assert group["momentum" if name == "sgd" else "betas"] == (0.8 if name == "sgd" else (0.7, 0.9))


def test_skipped_names_are_not_decayed():
    settings = OptimizerSettings("adamw", lr=1.0, weight_decay=0.5, skip_names=("bias", "1.weight"))
    model = module()
    groups = build_optimizer(model, settings, fused=True).param_groups
    assert [group["weight_decay"] for group in groups] == [0.5, 0.0]
    assert [len(group["params"]) for group in groups] == [2, 4]
    assert groups[0]["params"][0] is model[0].weight


def test_frozen_parameters_are_left_out():
    model = module()
    model[0].requires_grad_(False)
    (group,) = build_optimizer(model, OptimizerSettings("sgd", lr=1.0), fused=True).param_groups
    assert len(group["params"]) == 4


def test_an_unknown_name_lists_those_there_are():
    with pytest.raises(ValueError, match="no optimiser 'lion'; there are adamw, adam, sgd and rmsprop"):
        build_optimizer(module(), OptimizerSettings("lion", lr=1.0), fused=True)
