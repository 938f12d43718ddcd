"""tunesmith workspaces ..."""

from pathlib import Path
from typing import Annotated, Any

import typer

from tunesmith.client.commands.edits import read_object
from tunesmith.client.commands.output import JsonFlag, Output
from tunesmith.client.config import connect

app = typer.Typer(help="Storage that datasets come from and results go to.", no_args_is_help=True)

Id = Annotated[str, typer.Argument(metavar="WORKSPACE", help="Id of the workspace.")]


@app.command()
def create(
    name: Annotated[str, typer.Option(help="A name for people.")],
    path: Annotated[
        str | None, typer.Option(help="A folder on the server, under its TUNESMITH_WORKSPACE_ROOTS.")
    ] = None,
    cloud_type: Annotated[
        str, typer.Option(help="aws, azure, gcp, huggingface or self_hosted.")
    ] = "self_hosted",
    details: Annotated[
        Path | None,
        typer.Option(help="JSON file with the store's keys (cloud_specific_details); - reads stdin."),
    ] = None,
    as_json: JsonFlag = False,
) -> None:
    """Register a folder or a bucket."""
    fields = read_object(details, "the store's keys") if details else {}
    if path:
        fields["path"] = path
    with connect() as client:
        workspace = client.workspaces.create(name, cloud_type, fields)
    following = (
        f"tunesmith datasets create --workspace {workspace.id} --type TYPE --format FORMAT --path PATH"
    )
    Output(as_json).created(workspace, f"Workspace {name} is ready. Add a dataset: {following}")


@app.command("list")
def list_(
    name: Annotated[str | None, typer.Option(help="Only those of this name.")] = None,
    as_json: JsonFlag = False,
) -> None:
    """List the workspaces."""
    with connect() as client:
        found = client.workspaces.list(name=name)
    columns = {
        "ID": lambda one: one.id,
        "NAME": lambda one: one.name,
        "STORE": lambda one: one.cloud_type,
        "CREATED": lambda one: one.created_on,
    }
    output = Output(as_json)
    output.entries(found, columns)
    if not found:
        output.tell(
            "There is no workspace yet. Create one: tunesmith workspaces create --name NAME --path FOLDER"
        )


@app.command()
def show(workspace: Id, as_json: JsonFlag = False) -> None:
    """Show one workspace."""
    with connect() as client:
        found = client.workspaces.get(workspace)
    fields = {
        "id": found.id,
        "name": found.name,
        "store": found.cloud_type,
        "created": found.created_on,
        "changed": found.last_modified,
    }
    Output(as_json).details(found, fields)


@app.command()
def search(
    workspace: Id,
    type: Annotated[str | None, typer.Option(help="Only datasets of this kind.")] = None,  # noqa: A002
    format: Annotated[str | None, typer.Option(help="Only datasets of this layout.")] = None,  # noqa: A002
    use_for: Annotated[
        list[str] | None, typer.Option(help="training, evaluation or testing; may be repeated.")
    ] = None,
    as_json: JsonFlag = False,
) -> None:
    """Find the folders below data/ that would make a dataset."""
    with connect() as client:
        found = client.workspaces.find_datasets(workspace, type=type, format=format, use_for=use_for or ())
    output = Output(as_json)
    if as_json:
        output.document(found.model_dump(mode="json"))
        return
    for path in found.dataset_paths:
        output.line(path)
    if not found.complete:
        output.tell("The workspace is large: there may be more. Search for one --type and --format.")


@app.command()
def delete(workspace: Id, as_json: JsonFlag = False) -> None:
    """Forget a workspace. What lies in its storage stays."""
    with connect() as client:
        client.workspaces.delete(workspace)
    Output(as_json).deleted("workspace", workspace)


FileName = Annotated[str | None, typer.Option(help="Name of the file in the folder `backups`.")]


@app.command()
def backup(workspace: Id, file_name: FileName = None, as_json: JsonFlag = False) -> None:
    """Save your datasets, experiments and jobs of a workspace in that workspace."""
    with connect() as client:
        _show_counts(Output(as_json), client.workspaces.backup(workspace, file_name))


@app.command()
def restore(workspace: Id, file_name: FileName = None, as_json: JsonFlag = False) -> None:
    """Bring back what a backup holds and is no longer there."""
    with connect() as client:
        _show_counts(Output(as_json), client.workspaces.restore(workspace, file_name))


def _show_counts(output: Output, counts: dict[str, Any]) -> None:
    output.document(counts)
    output.tell(", ".join(f"{name} {value}" for name, value in counts.items() if isinstance(value, int)))
