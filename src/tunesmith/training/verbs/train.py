"""Trains a network."""

import time
from collections.abc import Callable, Iterator
from contextlib import nullcontext
from dataclasses import asdict, dataclass
from typing import Any

from lightning_fabric import Fabric
from torch import nn

import tunesmith
from tunesmith.protocol import Cause, Direction, MetricGoal, Metrics
from tunesmith.training.engine.board import EVENTS, Board
from tunesmith.training.engine.devices import describe, seed_everything, set_cudnn
from tunesmith.training.engine.ema import AveragedWeights
from tunesmith.training.engine.fit import Fit, Validate
from tunesmith.training.engine.group import Group
from tunesmith.training.engine.loading import Loader, Order
from tunesmith.training.engine.log import log
from tunesmith.training.engine.measure import measure
from tunesmith.training.engine.meeting import joined
from tunesmith.training.engine.numerics import Numerics
from tunesmith.training.engine.optimizers import build_optimizer
from tunesmith.training.engine.rehearsal import Rehearsal, choose_numerics, to_device
from tunesmith.training.engine.schedules import build_schedule
from tunesmith.training.engine.settings import LoopSettings
from tunesmith.training.engine.sinks import Sinks, sinks_for
from tunesmith.training.engine.state import Best, TrainState
from tunesmith.training.engine.training import Measured, Training
from tunesmith.training.failures import JobError
from tunesmith.training.run import Run
from tunesmith.training.tasks import task_of
from tunesmith.training.tasks.base import Task, TrainingData
from tunesmith.training.verbs.beginning import Beginning
from tunesmith.training.verbs.job import Job, channels_last, open_job
from tunesmith.training.verbs.resuming import named_state, note_changes, require_same_data, saved_state

_REHEARSED_BATCHES = 2


@dataclass(frozen=True)
class Plan:
    """What a training is made of before there is a model.

    Attributes:
        group: the processes that train together.
        begin: what the model begins as.
        saved: the state to go on from, if an earlier attempt left one.
    """

    job: Job
    begin: Beginning
    group: Group
    task: Task[Any]
    data: TrainingData[Any]
    loop: LoopSettings
    loader: Loader[Any]
    seed: int
    saved: dict[str, Any] | None


def train(run: Run) -> dict[str, Any]:
    """Train a new model, from the latest checkpoint on if the job ran before.

    Returns:
        best_epoch, best_metric, metrics of the best epoch, epochs, seconds.

    Raises:
        StoppedError: asked to stop; the next attempt goes on at the same step.
        JobError, SpecError, DatasetError, StorageError: the job cannot go on.
    """
    return train_from(run, Beginning)


def train_from(run: Run, beginning: type[Beginning]) -> dict[str, Any]:
    """Train to the end what begins in some way: what train, retrain and distill share."""
    started = time.monotonic()
    begin = beginning(open_job(run))
    job = begin.job
    with joined(run, job.device) as group:
        plan = _plan(begin, group)
        run.raise_if_stopped()
        training, numerics = _model(plan)
        run.raise_if_stopped()
        fabric = numerics.fabric(job.device, group)
        state = _state(plan, training, numerics, fabric)
        validate = _validation(plan, fabric)
        goal = _goal(plan, fabric, state.predictor) if group.leads else job.goal
        if group.leads:
            for line in _head_lines(plan, training, numerics, goal):
                log(line)
        board = _board(plan, state.done.epochs + 1) if group.leads else None
        with sinks_for(run, plan.job.spec) if group.leads else nullcontext(Sinks()) as sinks:
            fit = Fit(run, state, plan.loop, plan.loader, validate, goal, board, sinks, group)
            best = fit.run_epochs()
    return _outcome(run, best, goal, state.done.epochs, time.monotonic() - started)


def _plan(begin: Beginning, group: Group) -> Plan:
    job, run = begin.job, begin.job.run
    saved = group.share(_saved(job, group) if group.leads else None)
    kind = task_of(job.network, job.spec)
    seed = saved["seed"] if saved else group.share(seed_everything(kind.seed_of(job.spec)))
    set_cudnn(kind.cudnn_of(job.spec))
    task = kind.for_training(run, job.network, job.spec, seed)
    data, loop = task.training_data(), task.loop()
    if saved and group.leads:
        require_same_data(saved, task.classes, data.summary)
        note_changes(run, saved, job.spec)
    order = Order(
        len(data.train),
        loop.batch_size,
        seed=seed,
        shuffle=loop.shuffle,
        spare_single=True,
        rank=group.rank,
        size=group.size,
    )
    if loop.examples:
        order.shorten(loop.examples)
    pinned = loop.pin_memory and job.device.type == "cuda"
    loader = Loader(data.train, order, workers=loop.workers, pin_memory=pinned, prefetch=loop.prefetch)
    return Plan(job, begin, group, task, data, loop, loader, seed, saved)


def _saved(job: Job, group: Group) -> dict[str, Any] | None:
    """The newest whole state of an earlier attempt, else that of another job which the spec names.

    It is of as many processes as there are now.
    """
    saved = saved_state(job.run) or named_state(job)
    if saved and (size := 1 + len(saved.get("others", ()))) != group.size:
        raise JobError(
            Cause.BAD_SPEC,
            f"The training cannot go on: {size} processes trained it, and this job has {group.size}.",
            "Give the job as many GPUs and machines as it had, or post it again.",
        )
    return saved


def _model(plan: Plan) -> tuple[Training[Any], Numerics]:
    """The model with what trains it, on its device and in the layout that suits it."""
    group = plan.group
    seed_everything(plan.seed)
    model = plan.begin.build(plan.task)
    # The other processes get their weights from the first one, before the first step.
    if not plan.saved and group.leads:
        plan.begin.fill(plan.task, model)
    training = plan.begin.training(plan.task, model)
    numerics = Numerics(**plan.saved["numerics"]) if plan.saved else None
    numerics = group.share(_rehearsed(plan, training) if group.leads and not numerics else numerics)
    assert numerics  # noqa: S101 - the first process has either
    numerics.apply(training)
    training.to(plan.job.device)
    if not plan.saved and group.leads:
        training.prepare(_plain(plan), plan.job.device)
    return training, numerics


def _rehearsed(plan: Plan, training: Training[Any]) -> Numerics:
    """Try one step, and choose number format and memory layout."""
    job, asked = plan.job, plan.loop.precision
    if asked == "fp16" and job.device.type == "cpu":
        job.run.note("train.precision fp16 needs a GPU; this job computes in bf16 on the processor.")
        asked = "bf16"
    rehearsal = Rehearsal(training, job.device, job.run.raise_if_stopped)
    seconds = rehearsal.try_step(plan.loader.sample(plan.loop.batch_size), plan.task.subject)
    sample, size = plan.loader.sample, plan.loop.batch_size
    layout = channels_last(job.spec)
    numerics, reason = choose_numerics(asked, rehearsal, training, sample, size, seconds, layout)
    if reason:
        job.run.note(reason)
    return numerics


def _plain(plan: Plan) -> Iterator[Any]:
    """The training samples as they are, once; nothing is loaded unless somebody asks."""
    source = plan.data.plain
    for batch in Loader(source, Order(len(source), plan.loop.batch_size), workers=plan.loop.workers).epoch():
        yield batch
        plan.job.run.raise_if_stopped()


def _state(plan: Plan, training: Training[Any], numerics: Numerics, fabric: Fabric) -> TrainState:
    """What changes from now on, as it was where the earlier attempt stopped."""
    job, loop = plan.job, plan.loop
    optimizer = schedule = ema = None
    if any(parameter.requires_grad for parameter in training.parameters()):
        scaled = bool(fabric.strategy.precision.state_dict())
        try:
            optimizer = build_optimizer(training, plan.task.optimizer(), fused=not scaled)
            schedule = build_schedule(optimizer, plan.task.schedule(), loop.epochs, len(plan.loader))
        except ValueError as error:
            raise JobError(Cause.BAD_SPEC, f"train.optim cannot be used: {error}.") from error
        if loop.ema_decay is not None and plan.group.leads:
            ema = AveragedWeights(
                training.model, loop.ema_decay, every=loop.ema_every, on_cpu=loop.ema_on_cpu
            )
    else:
        job.run.note("Nothing is left to learn step by step: one pass validates the model and saves it.")
    facts = {
        "data": plan.data.summary,
        "network": job.network.arch,
        "spec": job.spec.model_dump(mode="json"),
        "classes": list(plan.task.classes),
        "cuts": [list(one) for one in plan.task.cuts],
        "model_name": job.spec.value("model_name"),
        "seed": plan.seed,
        "numerics": asdict(numerics),
    }
    state = TrainState(training, optimizer, schedule, fabric, ema, facts, loop.ema_judged)
    if plan.saved:
        state.load_state_dict(plan.saved, plan.group.rank)
    elif plan.group.rank:
        seed_everything(plan.seed + plan.group.rank)  # or all would drop out the same
    return state


def _validation(plan: Plan, fabric: Fabric) -> Validate | None:
    source, task = plan.data.validation, plan.task
    if source is None:
        return None
    loader = Loader(source, Order(len(source), plan.loop.batch_size), workers=plan.loop.workers)

    def validate(model: nn.Module, between: Callable[[], None]) -> Measured:
        return measure(loader.epoch(), _predictor(task, model, fabric), task.meter(), between)

    return validate


def _predictor(task: Task[Any], model: nn.Module, fabric: Fabric) -> Callable[[Any], Any]:
    model.eval()

    def predict(batch: Any) -> Any:
        with fabric.autocast():
            return model(task.inputs(to_device(batch, fabric.device)))

    return predict


def _goal(plan: Plan, fabric: Fabric, model: nn.Module) -> MetricGoal:
    """The metric that chooses the best epoch, out of those that there are; two batches tell which."""
    job, source, size = plan.job, plan.data.validation, plan.loop.batch_size
    if source is None:
        job.run.note("There is nothing to validate on; the best epoch is the one with the least train_loss.")
        return MetricGoal(name="train_loss", direction=Direction.MINIMIZE)
    first = Loader(source, Order(min(len(source), _REHEARSED_BATCHES * size), size)).epoch()
    measured = measure(first, _predictor(plan.task, model, fabric), plan.task.meter())
    names = {"train_loss", *measured.named()}
    if job.goal.name in names:
        return job.goal
    job.run.note(
        f"The metric {job.goal.name} is not measured here (there are {', '.join(sorted(names))}); "
        f"{job.own_goal.name} chooses the best epoch."
    )
    return job.own_goal


def _board(plan: Plan, first_epoch: int) -> Board | None:
    interval = plan.loop.tensorboard_interval
    if interval is None and not plan.job.run.request.tensorboard:
        return None
    return Board(plan.job.run.results / EVENTS, interval or 0, first_epoch)


def _head_lines(plan: Plan, training: Training[Any], numerics: Numerics, goal: MetricGoal) -> Iterator[str]:
    weights = list(training.model.parameters())
    total = sum(weight.numel() for weight in weights) / 1e6
    learning = sum(weight.numel() for weight in weights if weight.requires_grad) / 1e6
    loop = plan.loop
    doing = f"{plan.job.run.request.action} {plan.job.network.arch}"
    yield f"tunesmith {tunesmith.__version__}, {doing}: {plan.task.subject}"
    yield f"device  {describe(plan.job.device)}; {numerics}"
    yield f"model   {total:.2f} million weights, {learning:.2f} million of them learn"
    yield f"data    {plan.data.summary}"
    together = f" in each of {plan.group.size} processes" if plan.group.size > 1 else ""
    yield (
        f"plan    {loop.epochs} epochs, batches of {loop.batch_size}{together}, seed {plan.seed}; "
        f"best by {goal.name}"
    )


def _outcome(run: Run, best: Best | None, goal: MetricGoal, epochs: int, seconds: float) -> dict[str, Any]:
    values = dict(best.measured.values) if best else {}
    if best:
        run.report(Metrics(values=dict(values), per_category=dict(best.measured.per_category)))
        log(f"The best epoch is {best.epoch}: {goal.name} {best.value:.4g}. {seconds:.1f} s in all.")
    best_value = best.value if best else None
    return {
        "best_epoch": best.epoch if best else None,
        "best_metric": {"name": goal.name, "direction": goal.direction.value, "value": best_value},
        "metrics": values,
        "epochs": epochs,
        "seconds": round(seconds, 3),
    }
