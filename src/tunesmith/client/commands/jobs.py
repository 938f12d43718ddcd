"""tunesmith jobs ..."""

from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Any, NoReturn

import typer

from tunesmith.client.client import Client
from tunesmith.client.commands.edits import read_object, with_edits
from tunesmith.client.commands.exits import ExitCode
from tunesmith.client.commands.output import JsonFlag, Output, readable_size
from tunesmith.client.commands.watching import epochs, headline, last_of, watch
from tunesmith.client.config import connect
from tunesmith.client.errors import ConfigError, ConnectionFailedError, JobFailedError
from tunesmith.client.models import Job

app = typer.Typer(help="Actions that run on an experiment.", no_args_is_help=True)

JobId = Annotated[str, typer.Argument(metavar="JOB", help="Id of the job.")]
Owner = Annotated[
    str | None, typer.Option("--experiment", help="Id of its experiment; looked up when left out.")
]
_GOES_ON = "What has arrived is kept: the same command goes on from there."
Interval = Annotated[float, typer.Option(min=0.05, help="Seconds between two looks.")]


@app.command()
def run(
    experiment: Annotated[str, typer.Argument(help="Id of the experiment.")],
    action: Annotated[str, typer.Argument(help="train, evaluate, export, inference, ...")],
    spec: Annotated[
        Path | None, typer.Option(help="JSON file with the spec; - reads stdin. Default: the default spec.")
    ] = None,
    set_: Annotated[
        list[str] | None, typer.Option("--set", metavar="KEY=VALUE", help="Change one key of the spec.")
    ] = None,
    parent: Annotated[str | None, typer.Option(help="Id of the job that it continues from.")] = None,
    name: Annotated[str | None, typer.Option(help="A name for people.")] = None,
    follow: Annotated[bool, typer.Option("--watch", help="Watch it until it ends.")] = False,
    as_json: JsonFlag = False,
) -> None:
    """Run an action."""
    output = Output(as_json)
    fields: dict[str, Any] = {"name": name} if name else {}
    with connect() as client:
        specs = read_object(spec, "a spec") if spec else client.experiments.default_spec(experiment, action)
        job = client.jobs.create(experiment, action, with_edits(specs, set_ or []), parent=parent, **fields)
        if not follow:
            output.created(job, f"Job {job.id} is {job.status}. Watch it: tunesmith jobs watch {job.id}")
            return
        if not as_json:
            output.line(job.id)
        _watch(client, [job], output, interval=1.0)


@app.command("list")
def list_(
    experiment: Annotated[str, typer.Argument(help="Id of the experiment.")], as_json: JsonFlag = False
) -> None:
    """List the jobs of an experiment."""
    with connect() as client:
        found = client.jobs.list(experiment)
    columns = {
        "ID": lambda one: one.id,
        "ACTION": lambda one: one.action,
        "STATUS": lambda one: one.status,
        "PROGRESS": lambda one: epochs(one.progress, one.progress.epoch),
        "METRICS": lambda one: headline(one.progress),
        "CREATED": lambda one: one.created_on,
    }
    Output(as_json).entries(found, columns)


@app.command()
def show(job: JobId, experiment: Owner = None, as_json: JsonFlag = False) -> None:
    """Show one job: its state, its results, and why it failed."""
    with connect() as client:
        found = located(client, job, experiment)
    Output(as_json).details(found, _fields(found))


@app.command("watch")
def watch_(
    jobs: Annotated[list[str], typer.Argument(metavar="JOB...", help="Ids of the jobs.")],
    experiment: Owner = None,
    interval: Interval = 1.0,
    as_json: JsonFlag = False,
) -> None:
    """Watch jobs until they end; Ctrl-C stops watching, not the jobs."""
    with connect() as client:
        _watch(client, [located(client, job, experiment) for job in jobs], Output(as_json), interval)


@app.command()
def logs(
    job: JobId,
    experiment: Owner = None,
    follow: Annotated[bool, typer.Option("--follow", "-f", help="Go on until the job ends.")] = False,
    exit_status: Annotated[
        bool, typer.Option("--exit-status", help="With -f: fail if the job does not end as Done.")
    ] = False,
    as_json: JsonFlag = False,
) -> None:
    """Show the log of a job."""
    output = Output(as_json)
    with connect() as client:
        found = located(client, job, experiment)
        if as_json:
            output.document({"id": found.id, "log": client.jobs.logs(found)})
        elif follow:
            _follow(client, found, output, exit_status)
        else:
            output.text(client.jobs.logs(found))


@app.command()
def history(job: JobId, experiment: Owner = None, as_json: JsonFlag = False) -> None:
    """Show how a job came to its state: when, by whom and why."""
    output = Output(as_json)
    with connect() as client:
        changes = client.jobs.history(located(client, job, experiment))
    if as_json:
        output.document([one.model_dump(mode="json") for one in changes])
        return
    rows = [(one.at, one.from_status or "", one.to_status, one.actor, one.reason) for one in changes]
    output.rows(("TIME", "FROM", "TO", "BY", "WHY"), rows)


@app.command()
def files(job: JobId, experiment: Owner = None, as_json: JsonFlag = False) -> None:
    """List the files that a job wrote."""
    output = Output(as_json)
    with connect() as client:
        names = client.jobs.files(located(client, job, experiment))
    if as_json:
        output.document(names)
        return
    for name in names:
        output.line(name)


@app.command()
def download(
    job: JobId,
    to: Annotated[
        Path | None, typer.Option(help="Folder to write to. Default: one named after the job.")
    ] = None,
    file: Annotated[
        list[str] | None, typer.Option(help="Only this file, as `jobs files` names it; may be repeated.")
    ] = None,
    experiment: Owner = None,
    as_json: JsonFlag = False,
) -> None:
    """Fetch the files of a job; a download that broke goes on where it stopped."""
    output = Output(as_json)
    target = to or Path(job)
    with connect() as client:
        found = located(client, job, experiment)
        written = _downloaded(client, found, target, file, output)
    if as_json:
        output.document([str(path) for path in written])
        return
    for path in written:
        output.line(f"{path}\t{readable_size(path)}")
    output.tell(f"Wrote {len(written)} file(s) to {target}.")


def _downloaded(
    client: Client, job: Job, target: Path, names: list[str] | None, output: Output
) -> list[Path]:
    try:
        with output.arriving("Downloading") as tell:
            if names:
                return client.jobs.download_files(job, names, target, tell)
            return client.jobs.download(job, target, tell)
    except OSError as error:
        raise ConfigError(f"Could not write to {target}: {error.strerror}.") from error
    except ConnectionFailedError:
        output.tell(_GOES_ON)
        raise
    except KeyboardInterrupt:
        output.tell(_GOES_ON)
        raise typer.Exit(ExitCode.INTERRUPTED) from None


def located(client: Client, job_id: str, experiment_id: str | None) -> Job:
    """The job, looked for in every experiment if it is not known whose it is."""
    return client.jobs.get(experiment_id, job_id) if experiment_id else client.jobs.find(job_id)


def _follow(client: Client, job: Job, output: Output, exit_status: bool) -> None:
    try:
        for text in client.jobs.follow_log(job):
            output.text(text)
    except KeyboardInterrupt:
        _leave([job], output)
    ended = client.jobs.refresh(job)
    if exit_status and ended.status != "Done":
        raise JobFailedError(ended)


def _watch(client: Client, jobs: Sequence[Job], output: Output, interval: float) -> None:
    states = client.jobs.follow_several(jobs, interval=interval)
    try:
        ended = last_of(states) if output.as_json else watch(states, output.stderr, named=len(jobs) > 1)
    except KeyboardInterrupt:
        _leave(jobs, output)
    if output.as_json:
        found = [one.raw() for one in ended]
        output.document(found[0] if len(found) == 1 else found)
    for job in ended:
        if job.status == "Done":
            output.tell(f"Job {job.id} is Done. Fetch its files: tunesmith jobs download {job.id}")
    failed = [job for job in ended if job.status != "Done"]
    for job in failed[:-1]:
        output.failure(JobFailedError(job))
    if failed:
        raise JobFailedError(failed[-1])


def _leave(jobs: Sequence[Job], output: Output) -> NoReturn:
    for job in jobs:
        output.tell(f"Job {job.id} goes on. Stop it: tunesmith jobs cancel {job.id}")
    raise typer.Exit(ExitCode.INTERRUPTED) from None


def _fields(job: Job) -> dict[str, Any]:
    progress = job.progress
    return {
        "id": job.id,
        "action": job.action,
        "status": job.status,
        "name": job.name,
        "experiment": job.experiment_id,
        "dataset": job.dataset_id,
        "parent": job.parent_id,
        "created": job.created_on,
        "progress": epochs(progress, progress.epoch),
        "message": progress.message,
        "cause": progress.failure_message,
        "advice": progress.advice,
        **progress.latest,
        **progress.results,
    }
