"""What the demo shows: a line a step, with what came out and how long it took."""

import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path

from rich.console import Console
from rich.padding import Padding
from rich.status import Status
from rich.table import Table
from rich.terminal_theme import DIMMED_MONOKAI
from rich.text import Text

from tunesmith.client import Job
from tunesmith.client.commands.watching import JobBar, watch

_TITLE_WIDTH = 22
_RESULT_WIDTH = 60
_PICTURE_WIDTH = 100


class Step:
    """A step that is being taken. `result` is what its line says once it is done."""

    def __init__(self, spinner: Status, moving: Console) -> None:
        self.result = ""
        self.job: Job | None = None
        self._spinner = spinner
        self._moving = moving

    def watch(self, states: Iterable[Job]) -> Job:
        """Show a job while it runs; its last state."""
        self._spinner.stop()
        self.job = watch(states, self._moving)[-1]
        return self.job


class Screen:
    """The demo's output.

    Attributes:
        seconds: how long each step took.
    """

    def __init__(self, picture: Path | None = None) -> None:
        """`picture` is the SVG file that `save_picture` draws all that was printed into."""
        self.seconds: dict[str, float] = {}
        self._picture = picture
        self._console = Console(
            highlight=False, record=bool(picture), width=_PICTURE_WIDTH if picture else None
        )
        # What moves is drawn apart, so that a picture shows each line once.
        self._moving = Console(highlight=False)

    def head(self, title: str, subtitle: str) -> None:
        """Say what this is."""
        self._console.print(Text.assemble((title, "bold"), f"  {subtitle}"))
        self._console.print()

    @contextmanager
    def step(self, key: str, title: str) -> Iterator[Step]:
        """Take a step, and time it."""
        start = time.monotonic()
        with self._moving.status(title) as spinner:
            step = Step(spinner, self._moving)
            try:
                yield step
            except BaseException:  # Ctrl-C, too: the screen says at which step it ended
                spinner.stop()
                self._console.print(Text.assemble(("✗ ", "bold red"), title))
                raise
        self.seconds[key] = round(time.monotonic() - start, 2)
        self._done(title, step.result, self.seconds[key])
        if step.job and step.job.progress.max_epoch > 1 and (self._picture or self._console.is_terminal):
            self._bar(step.job)

    def table(self, rows: Iterable[tuple[str, str]]) -> None:
        """Show the figures."""
        table = Table.grid(padding=(0, 3))
        for name, value in rows:
            table.add_row(Text(name, style="dim"), Text(value, style="bold"))
        self._console.print()
        self._console.print(Padding(table, (0, 0, 0, 2)))
        self._console.print()

    def say(self, text: str) -> None:
        """Say something."""
        self._console.print(text, markup=False, soft_wrap=True)

    def failure(self, text: str, details: Iterable[str] = ()) -> None:
        """Say what went wrong, with the lines that may explain it."""
        self._console.print(Text.assemble(("Error: ", "bold red"), text), soft_wrap=True)
        for line in details:
            self._console.print(f"  {line}", style="dim", markup=False, soft_wrap=True)

    def save_picture(self) -> None:
        """Draw all that was printed into the SVG file, if one is wanted."""
        if self._picture:
            self._picture.parent.mkdir(parents=True, exist_ok=True)
            self._console.save_svg(str(self._picture), title="make demo", theme=DIMMED_MONOKAI)

    def _done(self, title: str, result: str, seconds: float) -> None:
        line = Text.assemble(
            ("✓ ", "bold green"),
            f"{title:<{_TITLE_WIDTH}}",
            (f"{result:<{_RESULT_WIDTH}}", "cyan"),
            (f"{seconds:>6.1f} s", "dim"),
        )
        self._console.print(line, soft_wrap=True)

    def _bar(self, job: Job) -> None:
        bar = JobBar(self._console)
        bar.show(job)
        self._console.print(Padding(bar, (0, 0, 0, 2)))
