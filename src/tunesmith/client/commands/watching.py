"""A job on the screen while it runs."""

from collections.abc import Iterable
from types import TracebackType
from typing import Any, Self

from rich.console import Console, RenderableType
from rich.progress import BarColumn, Progress, SpinnerColumn, TaskID, TextColumn
from rich.text import Text

from tunesmith.client.models import Job
from tunesmith.client.progress import Progress as JobProgress


class JobBar:
    """One live line: action, bar, epoch, loss, the metric that counts, time left."""

    def __init__(self, console: Console) -> None:
        self._progress = Progress(
            SpinnerColumn(finished_text=" "),
            TextColumn("{task.description}", style="bold"),
            BarColumn(bar_width=28),
            TextColumn("{task.fields[epochs]}"),
            TextColumn("{task.fields[metrics]}", style="cyan"),
            TextColumn("{task.fields[left]}", style="dim"),
            console=console,
            transient=True,
        )
        self._task: TaskID | None = None

    def __enter__(self) -> Self:
        self._progress.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._progress.stop()

    def __rich__(self) -> RenderableType:
        """The line as it was last drawn."""
        return self._progress.get_renderable()

    def show(self, job: Job) -> None:
        """Draw the job as it is now."""
        progress = job.progress
        fields: dict[str, Any] = {
            "epochs": epochs(progress, progress.epoch),
            "metrics": "  ".join(headline(progress)),
            "left": left(job),
        }
        done, total = _measure(job)
        if self._task is None:
            self._task = self._progress.add_task(job.action, total=total, **fields)
        self._progress.update(self._task, total=total, completed=done, **fields)


class JobLines:
    """The same for a pipe: a line whenever the state has changed or an epoch was measured."""

    def __init__(self, console: Console) -> None:
        self._console = console
        self._last = ""

    def show(self, job: Job) -> None:
        """Write a line if there is something new."""
        progress = job.progress
        words = [job.action, job.status, epochs(progress, progress.measured_epoch), *headline(progress)]
        line = " ".join(word for word in words if word)
        if line != self._last:
            self._console.print(Text(line), soft_wrap=True)
            self._last = line


def watch(states: Iterable[Job], console: Console) -> Job:
    """Show the states of a job as they come; the last of them.

    Raises:
        ValueError: there is none.
    """
    last: Job | None = None
    if not console.is_terminal:
        lines = JobLines(console)
        for last in states:
            lines.show(last)
    else:
        with JobBar(console) as bar:
            for last in states:
                bar.show(last)
    if last is None:
        raise ValueError("a job has at least one state")
    return last


def epochs(progress: JobProgress, epoch: int) -> str:
    """How far it is, e.g. `epoch 3/10`; empty for a job without epochs, and before the first."""
    return f"epoch {epoch}/{progress.max_epoch}" if epoch and progress.max_epoch > 1 else ""


def headline(progress: JobProgress) -> list[str]:
    """The newest loss and the newest validation metric, each with its name."""
    latest = progress.latest
    losses = [name for name in latest if "loss" in name]
    scores = [name for name in latest if "loss" not in name and name.startswith("val")]
    return [f"{name} {latest[name]:.4f}" for name in (*losses[:1], *scores[:1])]


def left(job: Job) -> str:
    """The time that the job still needs, or why it does not run yet."""
    progress = job.progress
    eta = progress.eta.split(".")[0]
    if job.status == "Running" and eta.strip("0:"):
        return f"{eta} left"
    return job.status if job.ended else progress.message


def _measure(job: Job) -> tuple[int, int | None]:
    """How much of the bar is full, of how much; of None while that is not known."""
    progress = job.progress
    if job.status == "Done":
        return 1, 1
    return progress.measured_epoch, progress.max_epoch if progress.max_epoch > 1 else None
