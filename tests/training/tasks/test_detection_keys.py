"""Each key of model, dataset and train acts, or says why it does not."""

from collections.abc import Iterator
from functools import cache
from importlib import import_module
from itertools import zip_longest
from typing import Any

import pytest
import torch
from tests.training.boxes import SMALL
from tests.training.jobs import Bench, nested
from tests.training.tasks.detection_changes import BESIDE, CHANGES, VARIED
from tests.training.tasks.shared_keys import shared_keys

from tunesmith.networks import get_network
from tunesmith.networks.detection import DetectorSettings
from tunesmith.specs import SpecError, validate_spec
from tunesmith.specs.block import key_facts
from tunesmith.training.engine.optimizers import build_optimizer
from tunesmith.training.engine.training import Training
from tunesmith.training.tasks.detection import settings as engine
from tunesmith.training.tasks.detection.task import Detection
from tunesmith.training.tasks.learning import optimizer, schedule

SECTIONS = ("model.", "dataset.", "train.")

# The verb reads them from every network's spec, and its own tests show that they act.
BY_THE_ENGINE = {"train.num_gpus", "train.num_nodes", "train.cudnn.benchmark", "train.cudnn.deterministic"}
# A foundation model is large: tests of the model build one with a small stand-in.
ELSEWHERE = {"rtdetr": {"model.frozen_fm.enabled", "model.frozen_fm.backbone"}}

TARGETS = [
    {
        "boxes": torch.tensor([[0.5, 0.5, 0.2, 0.3], [0.2, 0.3, 0.1, 0.1]]),
        "class_labels": torch.tensor([1, 0]),
    },
    {"boxes": torch.tensor([[0.5, 0.4, 0.2, 0.6]]), "class_labels": torch.tensor([2])},
]

CASES = [(network, path) for network, changes in CHANGES.items() for path in changes]


def spec_of(network: str, changes) -> Any:
    return validate_spec(get_network(network).spec, nested(SMALL[network] | changes))


@cache
def module_of(network: str) -> Any:
    return import_module(get_network(network).model)


def observed(network: str, changes) -> Iterator[Any]:
    """What the task, the engine and the model make of a spec; what takes long comes last."""
    spec = spec_of(network, changes)
    try:
        known: DetectorSettings = module_of(network).settings(spec)
        yield known
        yield [engine.loop(known, spec), optimizer(known.learning), schedule(known.learning)]
        torch.manual_seed(0)
        model = module_of(network).build(spec, 3).train()
    except SpecError as error:
        yield str(error)
        return
    yield [(name, tuple(weight.shape), weight.requires_grad) for name, weight in model.named_parameters()]
    yield [type(part).__name__ for part in model.modules()]
    matcher = model._criterion[0].matcher
    yield [getattr(model, "_layer", None), matcher.class_cost, matcher.bbox_cost, matcher.giou_cost]
    with torch.no_grad():  # attention begins with zeros, which hide what it looks at
        for weight in model.parameters():
            weight.add_(0.02 * torch.randn(weight.shape))
    images = torch.rand(2, 3, 96, 96, generator=torch.Generator().manual_seed(0)) + 0.1
    torch.manual_seed(1)
    losses = model.losses(images, TARGETS)
    yield {name: round(value.item(), 5) for name, value in losses.items()}


@cache
def usual(network: str, beside: str) -> list[Any]:
    return list(observed(network, BESIDE.get(beside, {})))


@pytest.mark.parametrize(("network", "path"), CASES)
def test_a_key_acts(network, path):
    beside = BESIDE.get(path, {})
    changed = observed(network, beside | {path: CHANGES[network][path]})
    pairs = zip_longest(changed, usual(network, path if beside else ""))
    assert any(one != other for one, other in pairs)  # it ends at the first difference


@pytest.mark.parametrize("network", CHANGES)
def test_every_key_is_looked_at(network):
    leaves = list(get_network(network).spec.leaves())
    told = [(path, key_facts(field).get("x-inert")) for path, field in leaves if path.startswith(SECTIONS)]
    acting = {path for path, inert in told if not inert}
    shared = shared_keys(get_network(network).spec, SECTIONS)
    assert acting == set(CHANGES[network]) | BY_THE_ENGINE | ELSEWHERE.get(network, set()) | shared
    assert len(acting) >= 0.85 * len(told)


@pytest.mark.parametrize(
    ("changes", "rule"),
    [
        ({f"{VARIED}train_spatial_size": [100, 96]}, "must hold height and width, multiples of 32"),
        ({f"{VARIED}eval_spatial_size": [96]}, "must hold height and width, multiples of 32"),
        ({f"{VARIED}multi_scales": [50]}, "must hold multiples of 32 pixels"),
        ({"train.freeze": ["no such part"]}, "must hold parts of parameters' names; they begin with net"),
    ],
)
def test_what_cannot_be_used_is_refused(bench, changes, rule):
    with pytest.raises(SpecError, match=rule):
        training_of(bench, "rtdetr", changes)


def training_of(bench: Bench, network: str, changes) -> Training[Any]:
    run = bench.prepare("train", {}, network=network)
    task = Detection(run, get_network(network), spec_of(network, changes), ("zero", "one"))
    return task.training(task.build_model())


@pytest.mark.parametrize("network", CHANGES)
def test_frozen_parts_do_not_learn(bench, network):
    training = training_of(bench, network, {"train.freeze": ["backbone", "decoder.layers.0"]})
    for name, weight in training.named_parameters():
        assert weight.requires_grad != ("backbone" in name or "decoder.layers.0" in name), name


@pytest.mark.parametrize(
    ("parts", "slow"),
    [
        (["backbone.0"], "backbone."),
        (["transformer.decoder"], "decoder"),
        (["sampling_offsets"], "_offsets"),
    ],
)
def test_parts_of_the_published_names_have_their_own_rate(bench, parts, slow):
    groups = rates(bench, "rtdetr", {"model.backbone_names": parts, "train.optim.lr_backbone": 0.5})
    assert set(groups) == {0.5, 1e-3}
    assert all(slow in name for name in groups[0.5])
    assert not any(slow in name for name in groups[1e-3])


@pytest.mark.parametrize("network", ["deformable_detr", "dino"])
def test_projections_have_a_share_of_the_rate(bench, network):
    groups = rates(bench, network, {"train.optim.lr_backbone": 0.5, "train.optim.lr_linear_proj_mult": 0.2})
    assert set(groups) == {0.5, 1e-3, 2e-4}
    assert all("backbone" in name for name in groups[0.5])
    assert {name.split(".")[-2] for name in groups[2e-4]} <= {"reference_points", "sampling_offsets"}


def test_early_layers_of_a_vision_transformer_learn_slower(bench):
    keys = {"model.backbone": "test_vit", "train.optim.layer_decay_rate": 0.5, "train.optim.lr_backbone": 1.0}
    groups = rates(bench, "dino", keys)
    found = {
        name.removeprefix("model.image.backbone.maps.net."): lr
        for lr, names in groups.items()
        for name in names
    }
    depth = len({name.split(".")[1] for name in found if name.startswith("blocks.")})
    assert found["pos_embed"] == found["patch_embed.proj.weight"] == 0.5 ** (depth + 1)
    assert [found[f"blocks.{layer}.norm1.weight"] for layer in range(depth)] == [
        0.5 ** (depth - layer) for layer in range(depth)
    ]
    assert found["norm.weight"] == 1.0


def rates(bench: Bench, network: str, keys) -> dict[float, list[str]]:
    """The names of the weights by learning rate."""
    training = training_of(bench, network, keys)
    known = module_of(network).settings(spec_of(network, keys))
    built = build_optimizer(training, optimizer(known.learning), fused=False)
    names = {id(weight): name for name, weight in training.named_parameters()}
    return {
        lr: [names[id(one)] for group in built.param_groups if group["lr"] == lr for one in group["params"]]
        for lr in {group["lr"] for group in built.param_groups}
    }
