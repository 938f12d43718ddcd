"""Keys of the older dialect of classification: penalties by kind of layer, fall of the rate, class maps."""

import json
from pathlib import Path
from typing import Any

import pytest
import torch
from tests.training.jobs import Bench, nested
from torch import nn

from tunesmith.networks import get_network
from tunesmith.networks.classification_tf2.spec import ClassificationTf2Spec
from tunesmith.specs import SpecError, validate_spec
from tunesmith.training.engine.optimizers import build_optimizer
from tunesmith.training.engine.schedules import build_schedule
from tunesmith.training.engine.training import l1_penalty
from tunesmith.training.tasks.classification.dialects.classification_tf2 import Tf2Dialect
from tunesmith.training.tasks.classification.task import Classification

SCOPE = "train.reg_config.scope"


def dialect(**keys: Any) -> Tf2Dialect:
    return Tf2Dialect(validate_spec(ClassificationTf2Spec, nested(keys)))


def small() -> nn.Sequential:
    return nn.Sequential(nn.Conv2d(3, 4, 3), nn.Flatten(), nn.Linear(4, 2))


def decayed(found: Tf2Dialect) -> set[int]:
    """The numbers of dimensions of the weights that decay."""
    groups = build_optimizer(small(), found.optimizer(), fused=False).param_groups
    return {weight.dim() for group in groups if group["weight_decay"] for weight in group["params"]}


@pytest.mark.parametrize(
    ("scope", "dimensions"), [(["conv2d", "dense"], {2, 4}), (["conv2d"], {4}), (["dense"], {2}), ([], set())]
)
def test_the_penalty_is_on_the_kinds_of_layers_that_are_named(scope, dimensions):
    assert decayed(dialect(**{SCOPE: scope})) == dimensions
    model, found = small(), dialect(**{SCOPE: scope, "train.reg_config.type": "L1"})
    wanted = sum(weight.abs().sum() for weight in model.parameters() if weight.dim() in dimensions)
    assert float(l1_penalty(model, 2.0, found.penalised)) == pytest.approx(2 * float(wanted))


def test_a_kind_of_layer_that_there_is_not_is_refused():
    (problem,) = dialect(**{SCOPE: ["conv3d"]}).problems(20)
    assert str(problem).startswith(f"{SCOPE}: must hold kinds of layers: conv2d, dense")


def test_the_rate_falls_with_each_step_where_it_is_asked_to():
    def rates(**keys: Any) -> list[float]:
        found = dialect(**{"train.lr_config.scheduler": "step", "train.lr_config.soft_start": 0.0} | keys)
        optimizer = torch.optim.SGD(small().parameters(), lr=1.0)
        schedule = build_schedule(optimizer, found.schedule(), epochs=2, steps_per_epoch=2)
        return [schedule.lr_lambdas[0](step) for step in range(3)]

    assert rates() == [1.0, 1.0, 1.0]
    assert rates(**{"train.optim_config.decay": 0.0001}) == [1.0, 1.0, 1.0]  # the default, sent back
    assert rates(**{"train.optim_config.decay": 0.5}) == [1.0, 1 / 1.5, 1 / 2]


def test_a_class_map_of_the_workspace_names_the_classes_in_reports(bench: Bench, digits, tmp_path: Path):
    names = {f"digit {index}": index for index in range(10)}
    (bench.workspace.path / "names.json").write_text(json.dumps(names))
    (bench.workspace.path / "few.json").write_text(json.dumps({"one": 0}))
    run = bench.prepare("inference", {}, network="classification_tf2", inference_dataset=digits)
    small_spec = {"model.backbone": "test_resnet", "model.input_width": 32, "model.input_height": 32}
    network = get_network("classification_tf2")

    def told(action: str, **keys: Any) -> str:
        """What the report says if all images are threes."""
        spec = validate_spec(ClassificationTf2Spec, nested(small_spec | keys))
        task = Classification(run, network, spec, tuple("0123456789"))
        work = task.inference(spec) if action == "inference" else task.evaluation(spec)
        batch = work.source.fetch(range(len(work.source)))
        logits = torch.eye(10)[[3] * len(batch.images)]
        if work.meter:
            work.meter.update(logits, batch)
        work.report.update(logits, batch)
        folder = tmp_path / f"{action}{len(keys)}"
        folder.mkdir()
        work.report.write(folder)
        return "".join(path.read_text() for path in sorted(folder.glob("*.csv")))

    for action in ("inference", "evaluate"):
        path = f"{action}.classmap"
        assert "digit 3" not in told(action)
        assert "digit 3" in told(action, **{path: "names.json"})
        with pytest.raises(SpecError, match=rf"{action}\.classmap: must name 10 classes"):
            told(action, **{path: "few.json"})
