"""tunesmith datasets ..."""

from typing import Annotated

import typer

from tunesmith.client.client import Client
from tunesmith.client.commands.output import JsonFlag, Output
from tunesmith.client.config import connect
from tunesmith.client.models import Dataset

app = typer.Typer(help="Files in a workspace that the server pulls and checks.", no_args_is_help=True)

Id = Annotated[str, typer.Argument(metavar="DATASET", help="Id of the dataset.")]


@app.command()
def create(
    type: Annotated[str, typer.Option(help="Kind of data, e.g. image_classification.")],  # noqa: A002
    format: Annotated[str, typer.Option(help="Layout of the files, e.g. classification_pyt.")],  # noqa: A002
    workspace: Annotated[str | None, typer.Option(help="Id of the workspace.")] = None,
    path: Annotated[
        str | None, typer.Option(help="Its folder in the workspace, e.g. /data/train; on a hub OWNER/NAME.")
    ] = None,
    url: Annotated[
        str | None, typer.Option(help="Address of an archive of its files, or of its page on the hub.")
    ] = None,
    use_for: Annotated[
        list[str] | None, typer.Option(help="training, evaluation or testing; may be repeated.")
    ] = None,
    name: Annotated[str | None, typer.Option(help="A name for people.")] = None,
    wait: Annotated[bool, typer.Option("--wait", help="Wait until it is pulled and validated.")] = False,
    as_json: JsonFlag = False,
) -> None:
    """Register a dataset; the server pulls and validates it."""
    output = Output(as_json)
    fields = {"name": name} if name else {}
    with connect() as client:
        dataset = client.datasets.create(
            type,
            format,
            workspace=workspace,
            cloud_file_path=path,
            url=url,
            use_for=use_for or [],
            **fields,
        )
        if wait:
            dataset = _wait(client, dataset.id, output)
    following = "" if wait else f" Watch it: tunesmith datasets wait {dataset.id}"
    output.created(dataset, f"Dataset {dataset.id} is {_state(dataset)}.{following}")


@app.command("list")
def list_(
    name: Annotated[str | None, typer.Option(help="Only those of this name.")] = None,
    type: Annotated[str | None, typer.Option(help="Only those of this kind.")] = None,  # noqa: A002
    as_json: JsonFlag = False,
) -> None:
    """List the datasets."""
    with connect() as client:
        found = client.datasets.list(name=name, type=type)
    columns = {
        "ID": lambda one: one.id,
        "NAME": lambda one: one.name,
        "FORMAT": lambda one: one.format,
        "STATUS": lambda one: one.status,
        "USE": lambda one: one.use_for,
        "CREATED": lambda one: one.created_on,
    }
    Output(as_json).entries(found, columns)


@app.command()
def show(dataset: Id, as_json: JsonFlag = False) -> None:
    """Show one dataset, and what its validation found."""
    with connect() as client:
        found = client.datasets.get(dataset)
    fields = {
        "id": found.id,
        "name": found.name,
        "type": found.type,
        "format": found.format,
        "use": found.use_for,
        "workspace": found.workspace,
        "path": found.cloud_file_path,
        "url": found.url,
        "status": found.status,
        "reason": found.status_reason,
        "images": _images(found),
        "created": found.created_on,
    }
    output = Output(as_json)
    output.details(found, fields)
    if not as_json:
        for finding in found.validation.findings:
            output.line(str(finding))


@app.command()
def wait(
    dataset: Id,
    timeout: Annotated[float | None, typer.Option(help="Seconds after which to give up.")] = None,
    as_json: JsonFlag = False,
) -> None:
    """Wait until a dataset is pulled and validated."""
    output = Output(as_json)
    with connect() as client:
        found = _wait(client, dataset, output, timeout)
    if as_json:
        output.document(found.raw())
    output.tell(
        f"Dataset {found.id} is ready. Use it: tunesmith experiments create NETWORK --train {found.id}"
    )


@app.command()
def delete(dataset: Id, as_json: JsonFlag = False) -> None:
    """Forget a dataset. Its files in the workspace stay."""
    with connect() as client:
        client.datasets.delete(dataset)
    Output(as_json).deleted("dataset", dataset)


def _wait(client: Client, dataset_id: str, output: Output, timeout: float | None = None) -> Dataset:
    with output.busy("Pulling and validating"):
        dataset = client.datasets.wait(dataset_id, timeout=timeout)
    for finding in dataset.validation.findings:
        output.tell(str(finding))
    return dataset


def _state(dataset: Dataset) -> str:
    return "ready" if dataset.usable else "being pulled"


def _images(dataset: Dataset) -> list[str]:
    """How many images each split has."""
    counted = dataset.validation.counts.get("images")
    return (
        [f"{split.removeprefix('images_')} {count}" for split, count in counted.items()]
        if isinstance(counted, dict)
        else []
    )
