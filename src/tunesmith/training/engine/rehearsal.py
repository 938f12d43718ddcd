"""Tries one training step before the first epoch, so that what cannot work fails at once and by name.

The same trials find out which number format, memory layout and number of threads is fastest here: precision
"auto".
"""

import statistics
import time
from collections.abc import Callable
from copy import deepcopy
from dataclasses import dataclass, replace
from typing import Any

import torch

from tunesmith.protocol import Cause
from tunesmith.training.engine.memory import is_out_of_memory
from tunesmith.training.engine.numerics import Numerics, is_convolutional
from tunesmith.training.engine.training import Training
from tunesmith.training.failures import JobError

PROBE_SECONDS = 1.2
_GAIN = 0.9  # another format must take at most this share of plain fp32's time
_LOSS_TOLERANCE = 0.02
_TRIALS = 4
_THREAD_SECONDS = 0.2
_SHORT_SECONDS = 0.3
_NEARLY = 1.05  # fewer threads are taken, which leave room for others, if a step takes at most this much more


@dataclass(frozen=True)
class Trial:
    """One way to compute, measured: seconds a step, and the loss it found."""

    numerics: Numerics
    seconds: float
    loss: float


class Rehearsal:
    """Steps on a copy of the model. Neither the model nor the random generators change.

    Args:
        training: the model with its loss.
        device: where the steps run.
        between: called before each step; what it raises ends the rehearsal.
    """

    def __init__(
        self, training: Training[Any], device: torch.device, between: Callable[[], None] = lambda: None
    ) -> None:
        self._copy = deepcopy(training).to(device).train()
        self._device = device
        self._between = between
        for part in self._copy.modules():
            # Each number format draws other masks, which would look like a difference of the loss.
            if "Drop" in type(part).__name__:
                part.eval()

    def try_step(self, batch: Any, subject: str) -> float:
        """A step in fp32. Returns its seconds.

        Args:
            batch: on any device.
            subject: what is tried, for the message: "resnet18 on images of 8 x 8 pixels".

        Raises:
            JobError: the model cannot take the batch; the message has the library's reason.
        """
        try:
            moved = self._moved(batch)
            first, _ = self._step(moved, Numerics())
            # The first step prepares kernels: it tells little unless it is long.
            return first if first > PROBE_SECONDS else self._step(moved, Numerics())[0]
        except (RuntimeError, ValueError, AssertionError, IndexError) as error:
            if is_out_of_memory(error):
                raise
            reason = str(error).strip().split("\n", maxsplit=1)[0] or type(error).__name__
            raise JobError(
                Cause.BAD_SPEC, f"The training cannot work: {subject} fails with: {reason}."
            ) from error

    def fastest(self, batch: Any, channels_last: bool, threads: int | None = None) -> list[Trial]:
        """Measure plain fp32 and what may be faster, the plain one first.

        Args:
            batch: on any device; a part of a real one where a step takes long.
            channels_last: whether the memory layout may matter.
            threads: of the processor; all that were given by default.
        """
        layouts = (True, False) if channels_last else (False,)
        candidates = [Numerics(threads=threads)]
        candidates += [Numerics("bf16", layout, threads) for layout in layouts]
        candidates += [Numerics("fp32", True, threads)] if channels_last else []
        batch = self._moved(batch)
        deadline = time.perf_counter() + PROBE_SECONDS
        trials: list[Trial] = []
        for numerics in candidates:
            if len(trials) >= 2 and time.perf_counter() > deadline:
                break
            limit = 4 * trials[0].seconds if trials else float("inf")
            if (trial := self._measure(batch, numerics, limit)) is not None:
                trials.append(trial)
        return trials

    def threads(self, batch: Any) -> int | None:
        """How many threads pay, of those given; None on a GPU. A small step is not worth many."""
        if self._device.type != "cpu":
            return None
        batch = self._moved(batch)
        given = count = torch.get_num_threads()
        found: dict[int, float] = {}
        while count and (not found or found[min(found)] <= _NEARLY * min(found.values())):
            torch.set_num_threads(count)
            found[count] = statistics.median(self._times(batch, Numerics(), _THREAD_SECONDS))
            count //= 2
        torch.set_num_threads(given)
        return min(count for count, seconds in found.items() if seconds <= _NEARLY * min(found.values()))

    def _measure(self, batch: Any, numerics: Numerics, limit: float) -> Trial | None:
        """None if the first step shows that it is far too slow: some processors emulate bf16."""
        numerics.apply(self._copy)
        first, loss = self._step(batch, numerics)
        if first > limit + PROBE_SECONDS / _TRIALS:
            return None
        return Trial(numerics, min(self._times(batch, numerics, PROBE_SECONDS / _TRIALS)), loss)

    def _times(self, batch: Any, numerics: Numerics, seconds: float) -> list[float]:
        """What steps take, ten at most, begun within so many seconds."""
        times: list[float] = []
        until = time.perf_counter() + seconds
        while not times or (time.perf_counter() < until and len(times) < 10):
            times.append(self._step(batch, numerics)[0])
        return times

    def _step(self, batch: Any, numerics: Numerics) -> tuple[float, float]:
        """Seconds and loss of one step, under the same random numbers each time."""
        self._between()
        dtype = torch.bfloat16 if numerics.precision == "bf16" else None
        devices = [self._device] if self._device.type == "cuda" else []
        with torch.random.fork_rng(devices=devices):
            torch.manual_seed(0)
            started = self._now()
            with torch.autocast(self._device.type, dtype, enabled=dtype is not None):
                loss = self._copy(batch)["loss"]
            if loss.requires_grad:
                loss.backward()
            seconds = self._now() - started
        self._copy.zero_grad(set_to_none=True)
        return seconds, float(loss.detach())

    def _moved(self, batch: Any) -> Any:
        return to_device(batch, self._device)

    def _now(self) -> float:
        if self._device.type == "cuda":
            torch.cuda.synchronize(self._device)
        return time.perf_counter()


def choose(trials: list[Trial]) -> Numerics:
    """The fastest way to compute that is as sound as plain fp32, the first trial, and clearly faster."""
    plain = trials[0]
    tolerance = _LOSS_TOLERANCE * max(1.0, abs(plain.loss))
    sound = [trial for trial in trials if abs(trial.loss - plain.loss) <= tolerance]
    best = min(sound, key=lambda trial: trial.seconds, default=plain)
    return best.numerics if best.seconds <= _GAIN * plain.seconds else plain.numerics


def choose_numerics(
    asked: str,
    rehearsal: Rehearsal,
    training: Training[Any],
    batch_of: Callable[[int], Any],
    batch_size: int,
    step_seconds: float,
    channels_last: bool | None = None,
) -> tuple[Numerics, str]:
    """The numerics for a training, and a sentence on why where "auto" was asked for.

    With a precision named, the choice does not depend on the machine's speed, so that a seed repeats.

    Args:
        asked: auto, fp32, bf16 or fp16.
        rehearsal: of this training.
        training: the model with its loss.
        batch_of: gives a batch of at most so many samples.
        batch_size: samples a step.
        step_seconds: what a step in fp32 takes.
        channels_last: the memory layout that is asked for; None chooses it.
    """
    convolutional = is_convolutional(training.model)
    if asked != "auto":
        suits = convolutional and asked != "fp32"
        return Numerics(asked, channels_last=suits if channels_last is None else channels_last), ""
    # Eight to ten steps are timed: where they would take too long, a part of a batch tells enough.
    affordable = int(batch_size * PROBE_SECONDS / 10 / step_seconds)
    batch = batch_of(min(batch_size, max(2, affordable)))
    given = torch.get_num_threads()
    # The parts of a long step are worth all threads.
    fewest = rehearsal.threads(batch) if step_seconds < _SHORT_SECONDS else None
    trials = rehearsal.fastest(batch, convolutional and channels_last is None, fewest)
    chosen = choose(trials)
    if channels_last is not None:
        chosen = replace(chosen, channels_last=channels_last)
    figures = ", ".join(f"{trial.numerics}: {trial.seconds * 1e3:.1f} ms" for trial in trials)
    threads = f" on {fewest} of {given} threads" if fewest else ""
    return chosen, f"train.precision auto chose {chosen}{threads}; steps were measured here ({figures})."


def to_device(batch: Any, device: torch.device) -> Any:
    """The batch on a device: tensors, or tuples, lists and dictionaries of them."""
    from lightning_fabric.utilities.apply_func import move_data_to_device

    return move_data_to_device(batch, device)
