"""Where commands write: results to stdout, messages to stderr, everything through Rich.

A terminal gets tables and colour. A pipe gets a line an entry, fields parted by tabs and no header. With
--json stdout carries one JSON document and messages are left out; errors always go to stderr.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext
from datetime import datetime
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.progress import (
    BarColumn,
    DownloadColumn,
    Progress,
    TextColumn,
    TimeRemainingColumn,
    TransferSpeedColumn,
)
from rich.table import Table
from rich.text import Text

from tunesmith.client.errors import APIError, JobFailedError, Problem, TunesmithError
from tunesmith.client.models import Outcome, Resource

JsonFlag = Annotated[bool, typer.Option("--json", help="Print JSON on stdout, and nothing else.")]

STYLES = {
    "Done": "green",
    "pull_complete": "green",
    "Running": "cyan",
    "in_progress": "cyan",
    "Pausing": "yellow",
    "Paused": "yellow",
    "Resuming": "cyan",
    "Pending": "yellow",
    "starting": "yellow",
    "Error": "bold red",
    "invalid_pull": "bold red",
}


class Output:
    """The two streams of one command."""

    def __init__(self, as_json: bool = False) -> None:
        self.as_json = as_json
        self.stdout = Console(highlight=False)
        self.stderr = Console(stderr=True, highlight=False)

    def tell(self, message: str) -> None:
        """Say what happened and what comes next."""
        if not self.as_json:
            self.stderr.print(message, markup=False, soft_wrap=True)

    def text(self, text: str) -> None:
        """Write text as it is, e.g. a log."""
        self.stdout.file.write(text)
        self.stdout.file.flush()

    def document(self, value: Any) -> None:
        """Write a JSON document, whether or not --json was given."""
        self.stdout.print_json(data=value)

    def created(self, resource: Resource, message: str) -> None:
        """Write the id of what was just created, so that a script can catch it, and tell what comes next."""
        if self.as_json:
            self.document(resource.raw())
        else:
            self.line(resource.id)
            self.tell(message)

    def deleted(self, kind: str, identity: str) -> None:
        """Say that something is gone."""
        if self.as_json:
            self.document({"id": identity, "deleted": True})
        self.tell(f"The {kind} {identity} is deleted.")

    def outcomes(self, outcomes: Sequence[Outcome], done: str) -> None:
        """Say what came of each of many objects: done, or why it was refused.

        Raises:
            Exit: with code 1 if one was refused.
        """
        if self.as_json:
            self.document([one.model_dump(mode="json", exclude_unset=True) for one in outcomes])
        for one in outcomes:
            self.tell(f"{one.id}: {done if one.well else one.error_desc}")
        if not all(one.well for one in outcomes):
            raise typer.Exit(1)

    def busy(self, what: str) -> AbstractContextManager[object]:
        """Show on a terminal that something goes on."""
        if self.as_json or not self.stderr.is_terminal:
            return nullcontext()
        return self.stderr.status(what)

    @contextmanager
    def arriving(self, what: str) -> Iterator[Callable[[int, int | None], None]]:
        """Show on a terminal how much of a download has arrived: yields what is to be told that."""
        columns = (TextColumn("{task.description}"), BarColumn(), DownloadColumn(), TransferSpeedColumn())
        hidden = self.as_json or not self.stderr.is_terminal
        shown = (*columns, TimeRemainingColumn())
        with Progress(*shown, console=self.stderr, transient=True, disable=hidden) as progress:
            task = progress.add_task(what, total=None)
            yield lambda arrived, total: progress.update(task, completed=arrived, total=total)

    def line(self, text: str) -> None:
        """Write one line, tabs kept."""
        self.text(f"{text}\n")

    def entries(self, resources: Sequence[Resource], columns: Mapping[str, Any]) -> None:
        """Write a list. `columns` maps each heading to a function from an entry to its field."""
        if self.as_json:
            self.document([one.raw() for one in resources])
            return
        self.rows(tuple(columns), [[field(one) for field in columns.values()] for one in resources])

    def rows(self, headings: Sequence[str], rows: Sequence[Sequence[Any]]) -> None:
        """Write a table to a terminal, a line a row to a pipe."""
        fields = [[shown(value) for value in row] for row in rows]
        if self.stdout.is_terminal:
            self.stdout.print(_table(headings, fields))
            return
        for row in fields:
            self.line("\t".join(" ".join(field.split()) for field in row))

    def details(self, resource: Resource, fields: Mapping[str, Any]) -> None:
        """Write one object, a field a line."""
        if self.as_json:
            self.document(resource.raw())
        else:
            self.fields(fields)

    def fields(self, fields: Mapping[str, Any]) -> None:
        """Write named values, one a line; empty ones are left out."""
        rows = [(name, shown(value)) for name, value in fields.items() if shown(value)]
        if not self.stdout.is_terminal:
            for row in rows:
                self.line("\t".join(row))
            return
        grid = Table.grid(padding=(0, 2))
        for name, value in rows:
            grid.add_row(Text(name, style="dim"), _styled(value))
        self.stdout.print(grid)

    def failure(self, error: TunesmithError) -> None:
        """Say what went wrong, where exactly, and what to do."""
        message = Text.assemble(("Error: ", "bold red"), _headline(error))
        self.stderr.print(message, soft_wrap=True)
        for line in _further(error):
            self.stderr.print(line, style="dim", markup=False, soft_wrap=True)
        if error.hint:
            self.stderr.print(error.hint, markup=False, soft_wrap=True)


def shown(value: Any) -> str:
    """A value as people read it."""
    match value:
        case None:
            return ""
        case datetime():
            return f"{value.astimezone():%Y-%m-%d %H:%M:%S}"
        case float():
            return f"{value:.4g}"
        case list() | tuple():
            return " ".join(shown(one) for one in value)
        case _:
            return str(value)


def readable_size(path: Path) -> str:
    """The size of a file in the largest unit that leaves a whole number to read."""
    size = float(path.stat().st_size)
    for unit in ("B", "KiB", "MiB"):
        if size < 1024:
            return f"{size:.0f} {unit}"
        size /= 1024
    return f"{size:.1f} GiB"


def _table(headings: Sequence[str], rows: Sequence[Sequence[str]]) -> Table:
    table = Table(box=None, padding=(0, 2, 0, 0), header_style="dim")
    for heading in headings:
        table.add_column(heading, no_wrap=heading == "ID", overflow="fold")
    for row in rows:
        table.add_row(*(_styled(field) for field in row))
    return table


def _styled(field: str) -> Text:
    return Text(field, style=STYLES.get(field, ""))


def _headline(error: TunesmithError) -> str:
    if isinstance(error, APIError) and error.problems:
        return f"the specs have {len(error.problems)} problem(s):"
    return error.message


def _further(error: TunesmithError) -> list[str]:
    match error:
        case APIError():
            return [f"  {_sentence(problem)}" for problem in error.problems]
        case JobFailedError():
            return [f"  {line}" for line in error.job.progress.log_tail]
        case _:
            return []


def _sentence(problem: Problem) -> str:
    nearest = f" Did you mean {problem.nearest}?" if problem.nearest else ""
    return f"{problem.key}: {problem.rule}, got {problem.value!r}.{nearest}"
