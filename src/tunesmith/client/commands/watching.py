"""Jobs on the screen while they run."""

from collections.abc import Callable, Iterable
from types import TracebackType
from typing import Any, Self

from rich.console import Console, RenderableType
from rich.progress import BarColumn, Progress, SpinnerColumn, TaskID, TextColumn
from rich.text import Text

from tunesmith.client.models import Job
from tunesmith.client.progress import Progress as JobProgress


class JobBar:
    """A live line a job: action, bar, epoch, loss, the metric that counts, time left."""

    def __init__(self, console: Console, named: bool = False) -> None:
        self._named = named
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
        self._tasks: dict[str, TaskID] = {}

    def __enter__(self) -> Self:
        self._progress.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._progress.stop()

    def __rich__(self) -> RenderableType:
        """The lines as they were last drawn."""
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
        if job.id not in self._tasks:
            title = f"{job.action} {job.id}" if self._named else job.action
            self._tasks[job.id] = self._progress.add_task(title, total=total, **fields)
        self._progress.update(self._tasks[job.id], total=total, completed=done, **fields)


class JobLines:
    """The same for a pipe: a line whenever a state has changed or an epoch was measured."""

    def __init__(self, console: Console, named: bool = False) -> None:
        self._console = console
        self._named = named
        self._last: dict[str, str] = {}

    def show(self, job: Job) -> None:
        """Write a line if there is something new."""
        progress = job.progress
        name = job.id if self._named else ""
        words = [name, job.action, job.status, epochs(progress, progress.measured_epoch), *headline(progress)]
        line = " ".join(word for word in words if word)
        if line != self._last.get(job.id):
            self._console.print(Text(line), soft_wrap=True)
            self._last[job.id] = line


def watch(states: Iterable[Job], console: Console, *, named: bool = False) -> list[Job]:
    """Show the states of jobs as they come; the last of each, in the order of their first ones.

    `named` shows ids too, to tell several jobs apart.
    """
    if not console.is_terminal:
        return last_of(states, JobLines(console, named).show)
    with JobBar(console, named) as bar:
        return last_of(states, bar.show)


def last_of(states: Iterable[Job], show: Callable[[Job], None] = lambda _: None) -> list[Job]:
    """The last state of each job."""
    last: dict[str, Job] = {}
    for job in states:
        last[job.id] = job
        show(job)
    return list(last.values())


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
