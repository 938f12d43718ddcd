"""Two ways to train one architecture on the same batches: ours, and the loop of its model's library."""

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import torch
from torch import nn
from torch.utils.data import DataLoader

from bench._peers import Peer, peer_of
from bench.house import threads
from bench.learn.__main__ import CASES
from bench.learn.case import TRAINED, Case, dataset_of, new_run
from tunesmith.protocol import Direction, MetricGoal, Resources
from tunesmith.training.engine.devices import seed_everything
from tunesmith.training.engine.fit import Fit
from tunesmith.training.engine.loading import Loader, Order
from tunesmith.training.engine.numerics import Numerics
from tunesmith.training.engine.optimizers import build_optimizer
from tunesmith.training.engine.rehearsal import Rehearsal, choose_numerics
from tunesmith.training.engine.schedules import build_schedule
from tunesmith.training.engine.settings import LoopSettings
from tunesmith.training.engine.state import TrainState
from tunesmith.training.engine.training import Training
from tunesmith.training.run import Run
from tunesmith.training.tasks import task_of
from tunesmith.training.tasks.base import Task
from tunesmith.training.tasks.detection.task import Detection
from tunesmith.training.verbs.job import open_job

Turn = Callable[[int], None]
"""Trains an epoch, counted from 1."""

EPOCHS = 30
_CPU = torch.device("cpu")
_SEED = 0
_LOADED = 2  # times as many batches are loaded as held
_GOAL = MetricGoal(name="train_loss", direction=Direction.MINIMIZE)
_FROZEN = ("deformable_detr", "grounding_dino")  # transformers freezes the normalisation of their backbones

# What the libraries' models have not, or what would make the models differ.
_CHANGED: dict[str, Mapping[str, Any]] = {
    "classification_tf2": {"train.label_smoothing": 0.0},
    "efficientdet_tf2": {"train.moving_average_decay": 0.0},
    "grounding_dino": {"model.use_dn": False},
    "segformer": {"model.backbone.type": "mit_b0", "train.segment.weights": [0.0, 0.0, 0.0, 0.0, 1.0]},
}


def case_of(network: str) -> Case:
    """What `make learn` trains, without what the library's own model does not have."""
    case = next(case for case in CASES if case.network == network)
    return replace(case, specs={**case.specs, **_CHANGED.get(network, {})})


class Held:
    """Batches in memory: loading costs both loops as little."""

    cheap = True

    def __init__(self, batches: Sequence[Any]) -> None:
        self.batches = batches

    def __len__(self) -> int:
        return len(self.batches)

    def fetch(self, indices: Sequence[int]) -> Any:
        """One of the batches."""
        return self.batches[indices[0]]


class Clocked(Loader[Any]):
    """A loader that counts the seconds for which its training waits."""

    waited = 0.0

    def epoch(self, epoch: int = 1, start: int = 0) -> Iterator[Any]:
        """The batches of an epoch."""
        batches = super().epoch(epoch, start)
        while True:
            begun = time.perf_counter()
            batch = next(batches, None)
            self.waited += time.perf_counter() - begun
            if batch is None:
                return
            yield batch


@dataclass(frozen=True)
class Contest:
    """An architecture with its data.

    Attributes:
        run: of a training job.
        task: its task.
        loop: its settings.
        held: the batches of an epoch.
        loader: of its data, as a job loads it; an epoch is a few batches more.
        images: in the batches.
    """

    run: Run
    task: Task[Any]
    loop: LoopSettings
    held: Held
    loader: Clocked
    images: int

    @classmethod
    def of(cls, network: str, folder: Path, batches: int) -> "Contest":
        """On so many batches of data that lie in a folder."""
        case = case_of(network)
        data = (dataset_of(case, folder, TRAINED),)
        resources = Resources(threads=threads())
        run = new_run(case, folder, "train", train_datasets=data, resources=resources)
        job = open_job(run)
        seed_everything(_SEED)
        task = task_of(job.network, job.spec).for_training(run, job.network, job.spec, _SEED)
        source, loop = task.training_data().train, task.loop()
        order = Order(len(source), loop.batch_size, seed=_SEED, shuffle=True, spare_single=True)
        order.shorten(_LOADED * batches * loop.batch_size)
        given = [batch for _, batch in zip(range(batches), Loader(source, order).epoch(), strict=False)]
        loader = Clocked(source, order, workers=loop.workers)
        size = min(len(source), loop.batch_size * len(given))
        return cls(run, task, replace(loop, epochs=EPOCHS), Held(given), loader, size)

    def training(self) -> Training[Any]:
        """A new model with its losses."""
        task, frozen = self.task, self.task.network.arch in _FROZEN
        seed_everything(_SEED)
        model = task.build(pretrained=True) if frozen and isinstance(task, Detection) else task.build_model()
        return task.training(model)

    def peer(self) -> Peer:
        """The same by its library."""
        training = self.training().train()
        return peer_of(self.task, training)

    def chosen(self) -> Numerics:
        """What `precision: auto` chooses."""
        training = self.training()
        rehearsal = Rehearsal(training, _CPU)
        seconds = rehearsal.try_step(self.held.batches[0], self.task.subject)
        size = self.loop.batch_size
        return choose_numerics("auto", rehearsal, training, self.loader.sample, size, seconds)[0]

    def waiting(self, numerics: Numerics) -> float:
        """The share of an epoch for which our loop waits for data."""
        turn = self.ours(numerics, self.loader)
        turn(1)  # the loading processes begin
        self.loader.waited, begun = 0.0, time.perf_counter()
        turn(2)
        return self.loader.waited / (time.perf_counter() - begun)

    def ours(self, numerics: Numerics, loader: Loader[Any] | None = None) -> Turn:
        """Our loop, as a job runs it, on the held batches or on what a loader gives."""
        training = self.training()
        numerics.apply(training)
        optimizer = build_optimizer(training, self.task.optimizer(), fused=True)
        loader = loader or Loader(self.held, Order(len(self.held), 1, seed=_SEED, shuffle=True))
        schedule = build_schedule(optimizer, self.task.schedule(), EPOCHS, len(loader))
        fabric = numerics.fabric(_CPU)
        state = TrainState(training, optimizer, schedule, fabric, ema=None, facts={})
        fit = Fit(self.run, state, self.loop, loader, validate=None, goal=_GOAL)

        def epoch(number: int) -> None:
            torch.set_num_threads(numerics.threads or threads())
            state.done.steps = 0
            fit.train_epoch(number)

        return epoch

    def theirs(self, peer: Peer, *, fused: bool) -> Turn:
        """What one would write by hand: the same step, and nothing that watches over it."""
        module = peer.module.train()
        optimizer = build_optimizer(module, self.task.optimizer(), fused=fused)
        schedule = build_schedule(optimizer, self.task.schedule(), EPOCHS, len(self.held))
        prepared: Any = [peer.prepare(batch) for batch in self.held.batches]
        batches = DataLoader(prepared, batch_size=None, shuffle=True)

        def epoch(number: int) -> None:  # noqa: ARG001 - all epochs are the same
            torch.set_num_threads(threads())
            module.train()
            for batch in batches:
                loss = peer.loss(batch)
                torch.autograd.backward(loss)
                if self.loop.clip_norm > 0:
                    nn.utils.clip_grad_norm_(module.parameters(), self.loop.clip_norm)
                optimizer.step()
                optimizer.zero_grad()
                schedule.step()

        return epoch
