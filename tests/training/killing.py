"""Trains in a process that kills itself at a chosen moment, as `kill -9` does from outside."""

import multiprocessing
import os
import signal
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

_PROCESSES = multiprocessing.get_context("forkserver")
# Warm, so that a process begins at once; each is forked from one that has computed nothing.
_PROCESSES.set_forkserver_preload(["tunesmith.training.worker", "tunesmith.training.preload", __name__])


@dataclass(frozen=True)
class Moment:
    """Before the step, or before the operation on a checkpoint's files, of that number; counted from 1."""

    of: Literal["step", "file"]
    number: int


def train_killed(folder: Path, moment: Moment | None) -> bool:
    """Run the training in a job folder in a process of its own. Whether it was killed before it was done.

    It saves its state after every step, so that kills hit that too.
    """
    code = in_process(_train, folder, moment)
    assert code in (0, -signal.SIGKILL), f"the training ended with {code}"
    return code != 0


def in_process(function: Callable[..., None], *arguments: Any) -> int | None:
    """Call a function of a module in a process of its own; how that ended."""
    process = _PROCESSES.Process(target=function, args=arguments)
    process.start()
    process.join(120)
    return process.exitcode


def _train(folder: Path, moment: Moment | None) -> None:
    from torch.optim.optimizer import register_optimizer_step_pre_hook

    from tunesmith.protocol import JobFolder
    from tunesmith.training.actions import run_action
    from tunesmith.training.engine import saving
    from tunesmith.training.engine.seals import SealingWriter
    from tunesmith.training.run import Run

    saving._SHARE = 0
    if moment and moment.of == "step":
        register_optimizer_step_pre_hook(_counted(lambda *_: None, [moment.number]))
    elif moment:
        left = [moment.number]
        SealingWriter.write = _counted(SealingWriter.write, left)  # type: ignore[method-assign]
        Path.replace = _counted(Path.replace, left)  # type: ignore[method-assign]
        os.link = _counted(os.link, left)
        os.fsync = _counted(os.fsync, left)
    run = Run(JobFolder(folder))
    with (folder / "log.txt").open("a") as log:
        os.dup2(log.fileno(), 1)
        os.dup2(log.fileno(), 2)
    run_action(run)
    run.publish()


def _counted(function: Callable[..., Any], left: list[int]) -> Callable[..., Any]:
    """The function, and a kill in the place of a certain call of it."""

    def counted(*arguments: Any, **named: Any) -> Any:
        left[0] -= 1
        if left[0] == 0:
            os.kill(os.getpid(), signal.SIGKILL)
        return function(*arguments, **named)

    return counted
