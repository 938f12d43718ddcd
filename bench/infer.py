"""What an engine gains: eager torch, ONNX Runtime and OpenVINO, in fp32, 16 bits and INT8.

The runtimes take turns on the same inputs, so that a machine whose speed drifts slows all of them alike.
"""

import tempfile
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path

import timm
import torch
from torch import Tensor, nn

from bench.house import Figure, threads
from tunesmith.specs.blocks.actions import Export
from tunesmith.training.optimize.engine_files import Kind
from tunesmith.training.optimize.engines import Build, build_engine, open_engine
from tunesmith.training.optimize.onnx_export import write_graph
from tunesmith.training.optimize.onnx_runtime import OnnxModel
from tunesmith.training.optimize.settings import EngineSettings
from tunesmith.training.optimize.timing import latencies
from tunesmith.training.tasks.base import ExportPlan

Work = Callable[[Tensor], object]

SIDE = 224
CHOICES = ("resnet18", "efficientnet_b0", "vit_tiny_patch16_224")
CONVOLUTIONAL = ("resnet18", "efficientnet_b0")
ENGINES = (
    (Kind.OPENVINO, "fp32"),
    (Kind.OPENVINO, "fp16"),
    (Kind.OPENVINO, "int8"),
    (Kind.ONNXRUNTIME, "int8"),
)
LEAST_WITH_MATRIX_UNITS, LEAST = 4.0, 1.8
_SECONDS = 15.0  # of all turns of the runtimes on one batch


class _Tupled(nn.Module):
    def __init__(self, model: nn.Module) -> None:
        super().__init__()
        self.model = model

    def forward(self, images: Tensor) -> tuple[Tensor]:
        """The logits."""
        return (self.model(images),)


def run(models: Sequence[str] = CHOICES) -> list[Figure]:
    """Latency at batch 1, throughput at 8, and how many times as fast as eager fp32 the best engine is."""
    torch.set_num_threads(threads())
    figures = []
    for name in models:
        with tempfile.TemporaryDirectory() as folder:
            figures += _figures(name, Path(folder))
    return figures


def _figures(name: str, folder: Path) -> list[Figure]:
    torch.manual_seed(0)
    model = timm.create_model(name, num_classes=10).eval()
    works = _works(model, folder)
    single, eight = torch.randn(1, 3, SIDE, SIDE), torch.randn(8, 3, SIDE, SIDE)
    with torch.inference_mode():
        one, many = _seconds(works, single), _seconds(works, eight)
    figures = []
    for label in works:
        figures.append(Figure(f"{name}, {label}: latency at batch 1", 1e3 * one[label], "ms"))
        figures.append(Figure(f"{name}, {label}: throughput at batch 8", 8 / many[label], "images/s"))
    engines = [label for label in works if label.startswith("OpenVINO") and "int8" not in label]
    best = min(one[label] for label in engines)
    least = None
    if name in CONVOLUTIONAL:
        least = LEAST_WITH_MATRIX_UNITS if _has_matrix_units() else LEAST
    figures.append(
        Figure(
            f"{name}: eager fp32 / best engine without INT8, batch 1", one["eager fp32"] / best, least=least
        )
    )
    return figures


def _seconds(works: dict[str, Work], inputs: Tensor) -> dict[str, float]:
    """The median seconds of each work on the inputs."""
    bound = [partial(work, inputs) for work in works.values()]
    return dict(zip(works, latencies(bound, rounds=21, seconds=_SECONDS), strict=True))


def _works(model: nn.Module, folder: Path) -> dict[str, Work]:
    graph = folder / "model.onnx"
    plan = ExportPlan(_Tupled(model).eval(), torch.zeros(2, 3, SIDE, SIDE), "images", ("logits",))
    write_graph(plan, graph, Export(), _ignore)
    source = OnnxModel(graph, threads())
    works: dict[str, Work] = {"eager fp32": model, "ONNX Runtime fp32": source.run}
    calibration = list(torch.randn(2, 8, 3, SIDE, SIDE))
    for kind, precision in ENGINES:
        settings = EngineSettings(precision, largest_batch=8)
        target = folder / f"{kind}_{precision}" / "model.engine"
        target.parent.mkdir()
        build = Build(graph, source, settings, calibration, target.parent / "scratch", _ignore)
        facts = build_engine(kind, build, target)
        label = f"{kind.maker} {precision}" + (f" ({facts.computes_in})" if precision == "fp16" else "")
        works[label] = open_engine(target, threads()).run
    return works


def _has_matrix_units() -> bool:
    """Whether the processor multiplies matrices of bf16 at once (AMX)."""
    try:
        return "amx_bf16" in Path("/proc/cpuinfo").read_text(encoding="utf-8")
    except OSError:
        return False


def _ignore(_: str) -> None:
    """Nobody reads the notes here."""
