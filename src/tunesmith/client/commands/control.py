"""More of tunesmith jobs ...: stop them, let them go on, run them again, publish their models, forget them.

`app` is the whole group, with the commands of `jobs`.
"""

from collections.abc import Callable
from pathlib import Path
from typing import Annotated

import typer

from tunesmith.client.client import Client
from tunesmith.client.commands.edits import read_object, with_edits
from tunesmith.client.commands.jobs import JobId, Owner, app, located
from tunesmith.client.commands.output import JsonFlag, Output
from tunesmith.client.config import connect
from tunesmith.client.models import Job

__all__ = ["app"]

Team = Annotated[str | None, typer.Option(help="The team that the model is of.")]


@app.command()
def cancel(job: JobId, experiment: Owner = None, as_json: JsonFlag = False) -> None:
    """Ask a job to stop."""
    _act(job, experiment, Output(as_json), lambda client, found: client.jobs.cancel(found))


@app.command()
def pause(job: JobId, experiment: Owner = None, as_json: JsonFlag = False) -> None:
    """Have a training stop where it is, to go on from there later."""
    output = Output(as_json)
    _act(job, experiment, output, lambda client, found: client.jobs.pause(found))
    output.tell(f"Let it go on: tunesmith jobs resume {job}")


@app.command()
def resume(
    job: JobId,
    spec: Annotated[
        Path | None, typer.Option(help="JSON file with what changes of its spec; - reads stdin.")
    ] = None,
    set_: Annotated[
        list[str] | None,
        typer.Option("--set", metavar="KEY=VALUE", help="Change train.num_epochs or an interval."),
    ] = None,
    experiment: Owner = None,
    as_json: JsonFlag = False,
) -> None:
    """Have a paused training go on where it stopped."""
    specs = with_edits(read_object(spec, "a spec") if spec else {}, set_ or [])
    output = Output(as_json)
    _act(job, experiment, output, lambda client, found: client.jobs.resume(found, specs))
    output.tell(f"Watch it: tunesmith jobs watch {job}")


@app.command()
def retry(job: JobId, experiment: Owner = None, as_json: JsonFlag = False) -> None:
    """Post a job again that failed or was cancelled."""
    with connect() as client:
        again = client.jobs.retry(located(client, job, experiment))
    following = f"Watch it: tunesmith jobs watch {again.id}"
    Output(as_json).created(again, f"Job {again.id} is {again.status}. {following}")


@app.command()
def publish(
    job: JobId,
    name: Annotated[str | None, typer.Option(help="Name of the model. Default: the network's.")] = None,
    description: Annotated[str, typer.Option(help="What it is.")] = "",
    team: Team = None,
    experiment: Owner = None,
    as_json: JsonFlag = False,
) -> None:
    """Copy the model of a job to the registry: published/ in its workspace, or the server's hub."""
    output = Output(as_json)
    with connect() as client:
        client.jobs.publish(located(client, job, experiment), name, description, team or "")
    if as_json:
        output.document({"id": job, "published": True})
    output.tell(f"The model of job {job} is published.")


@app.command()
def unpublish(
    job: JobId,
    name: Annotated[str | None, typer.Option(help="Only what has that name.")] = None,
    team: Team = None,
    experiment: Owner = None,
    as_json: JsonFlag = False,
) -> None:
    """Remove what was published of a job."""
    output = Output(as_json)
    with connect() as client:
        client.jobs.unpublish(located(client, job, experiment), team, name)
    if as_json:
        output.document({"id": job, "published": False})
    output.tell(f"The model of job {job} is no longer published.")


@app.command()
def delete(
    jobs: Annotated[list[str], typer.Argument(metavar="JOB...", help="Ids of the jobs.")],
    experiment: Owner = None,
    as_json: JsonFlag = False,
) -> None:
    """Forget jobs that have ended. Their results in the workspace stay."""
    with connect() as client:
        outcomes = client.jobs.delete_several([located(client, one, experiment) for one in jobs])
    Output(as_json).outcomes(outcomes, "is deleted")


@app.command("cancel-all")
def cancel_all(
    experiments: Annotated[list[str], typer.Argument(metavar="EXPERIMENT...", help="Ids of experiments.")],
    as_json: JsonFlag = False,
) -> None:
    """Ask all jobs of experiments to stop."""
    with connect() as client:
        outcomes = client.jobs.cancel_all(*experiments)
    Output(as_json).outcomes(outcomes, "its jobs stop")


def _act(job: str, experiment: str | None, output: Output, action: Callable[[Client, Job], None]) -> None:
    """Do something to a job and tell how it stands then."""
    with connect() as client:
        found = located(client, job, experiment)
        action(client, found)
        found = client.jobs.refresh(found)
    if output.as_json:
        output.document(found.raw())
    output.tell(f"Job {job} is {found.status}.")
