"""The training loop against a bare torch loop, and `precision: auto` against plain fp32.

Both loops of a pair train the same model on the same batches in the same process, epoch by epoch in turn, so
that a machine whose speed drifts slows both.
"""

import statistics
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from uuid import uuid4

import timm
import torch
from torch import Tensor, nn

from bench.house import Figure, threads
from tunesmith.protocol import Direction, JobFolder, JobRequest, MetricGoal
from tunesmith.training.engine.fit import Fit
from tunesmith.training.engine.loading import Loader, Order
from tunesmith.training.engine.numerics import Numerics
from tunesmith.training.engine.optimizers import build_optimizer
from tunesmith.training.engine.rehearsal import Rehearsal, choose_numerics
from tunesmith.training.engine.schedules import build_schedule
from tunesmith.training.engine.settings import LoopSettings, OptimizerSettings, ScheduleSettings
from tunesmith.training.engine.state import TrainState
from tunesmith.training.engine.training import Training
from tunesmith.training.run import Run

CLASSES = 10
CLIP = 2.0
PAIRS = 7
OPTIMIZER = OptimizerSettings("adamw", lr=1e-3, weight_decay=0.01)


class Images:
    """Random images (N, 3, side, side) and classes (N), in memory: loading costs both loops as little."""

    cheap = True

    def __init__(self, count: int, side: int) -> None:
        self._images = torch.rand(count, 3, side, side)
        self._labels = torch.randint(0, CLASSES, (count,))

    def __len__(self) -> int:
        return len(self._labels)

    def fetch(self, indices: Sequence[int]) -> tuple[Tensor, Tensor]:
        """The batch of these images."""
        chosen = torch.tensor(indices)
        return self._images[chosen], self._labels[chosen]


class Classifier(Training[tuple[Tensor, Tensor]]):
    """A model with cross-entropy."""

    def forward(self, batch: tuple[Tensor, Tensor]) -> dict[str, Tensor]:
        """The loss of a batch."""
        images, labels = batch
        return {"loss": nn.functional.cross_entropy(self.model(images), labels)}


def run() -> list[Figure]:
    """The two comparisons."""
    torch.set_num_threads(threads())
    with tempfile.TemporaryDirectory() as folder:
        overhead = _overhead(Path(folder))
        gain, chosen = _gain_of_auto(Path(folder))
    return [
        Figure("our loop / bare loop, seconds, median of pairs", overhead, limit=1.05),
        Figure(f"fp32 / auto ({chosen}), seconds, resnet18 at 128 px", gain),
    ]


def _overhead(folder: Path) -> float:
    images = Images(1280, 32)
    loader = Loader(images, Order(len(images), 32, shuffle=True))
    ours = _fit(folder / "ours", "resnet10t", loader, Numerics())
    bare = _bare_loop("resnet10t", loader)
    ratios = []
    for epoch in range(1, PAIRS + 2):
        plain = _seconds(lambda: bare(epoch))  # noqa: B023 - called at once
        ratios.append(_seconds(lambda: _epoch(ours, epoch)) / plain)  # noqa: B023 - called at once
    return statistics.median(ratios[1:])


def _gain_of_auto(folder: Path) -> tuple[float, str]:
    images = Images(96, 128)
    loader = Loader(images, Order(len(images), 32, shuffle=True))
    training = Classifier(timm.create_model("resnet18", num_classes=CLASSES))
    rehearsal = Rehearsal(training, torch.device("cpu"))
    seconds = rehearsal.try_step(loader.sample(32), "resnet18")
    chosen, _ = choose_numerics("auto", rehearsal, training, loader.sample, 32, seconds)
    plain = _fit(folder / "plain", "resnet18", loader, Numerics())
    auto = _fit(folder / "auto", "resnet18", loader, chosen)
    ratios = []
    for epoch in range(1, PAIRS + 2):
        slow = _seconds(lambda: _epoch(plain, epoch))  # noqa: B023 - called at once
        ratios.append(slow / _seconds(lambda: _epoch(auto, epoch)))  # noqa: B023 - called at once
    return statistics.median(ratios[1:]), str(chosen)


def _fit(folder: Path, model: str, loader: Loader[tuple[Tensor, Tensor]], numerics: Numerics) -> Fit:
    job = JobFolder(folder)
    job.create(JobRequest(job_id=uuid4(), action="train"))
    training = Classifier(timm.create_model(model, num_classes=CLASSES))
    numerics.apply(training)
    optimizer = build_optimizer(training, OPTIMIZER, fused=True)
    epochs = PAIRS + 2
    schedule = build_schedule(optimizer, ScheduleSettings("linear"), epochs, len(loader))
    state = TrainState(
        training, optimizer, schedule, numerics.fabric(torch.device("cpu")), ema=None, facts={}
    )
    settings = LoopSettings(epochs=epochs, batch_size=32, clip_norm=CLIP)
    goal = MetricGoal(name="train_loss", direction=Direction.MINIMIZE)
    return Fit(Run(job), state, settings, loader, validate=None, goal=goal)


def _epoch(fit: Fit, epoch: int) -> None:
    fit.state.done.steps = 0
    fit.train_epoch(epoch)


def _bare_loop(name: str, loader: Loader[tuple[Tensor, Tensor]]) -> Callable[[int], None]:
    """What one would write by hand: the same step, and nothing that watches over it."""
    model = timm.create_model(name, num_classes=CLASSES)
    optimizer = torch.optim.AdamW(
        model.parameters(), lr=OPTIMIZER.lr, weight_decay=OPTIMIZER.weight_decay, fused=True
    )
    total = (PAIRS + 2) * len(loader)
    schedule = torch.optim.lr_scheduler.LambdaLR(optimizer, lambda step: max(0.0, 1 - step / total))

    def epoch(number: int) -> None:
        model.train()
        for images, labels in loader.epoch(number):
            loss = nn.functional.cross_entropy(model(images), labels)
            torch.autograd.backward(loss)
            nn.utils.clip_grad_norm_(model.parameters(), CLIP)
            optimizer.step()
            optimizer.zero_grad()
            schedule.step()

    return epoch


def _seconds(work: Callable[[], None]) -> float:
    begun = time.perf_counter()
    work()
    return time.perf_counter() - begun
