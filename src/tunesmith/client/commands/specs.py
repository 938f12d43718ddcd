"""tunesmith specs ..."""

import json
from pathlib import Path
from typing import Annotated

import typer

from tunesmith.client.commands.output import JsonFlag, Output
from tunesmith.client.config import connect

app = typer.Typer(help="What an action can be told.", no_args_is_help=True)


@app.command()
def show(
    experiment: Annotated[str, typer.Argument(help="Id of the experiment.")],
    action: Annotated[str, typer.Argument(help="train, evaluate, export, inference, ...")],
    schema: Annotated[bool, typer.Option("--schema", help="Show the JSON Schema with every key.")] = False,
    output_file: Annotated[
        Path | None, typer.Option("--output", "-o", help="Write to this file, to be edited.")
    ] = None,
    as_json: JsonFlag = False,
) -> None:
    """Show the default spec of an action, as JSON."""
    output = Output(as_json)
    with connect() as client:
        found = (
            client.experiments.schema(experiment, action)
            if schema
            else client.experiments.default_spec(experiment, action)
        )
    if output_file is None:
        output.document(found)
        return
    output_file.write_text(json.dumps(found, indent=2) + "\n", encoding="utf-8")
    if as_json:
        output.document({"file": str(output_file)})
    following = f"tunesmith jobs run {experiment} {action} --spec {output_file}"
    output.tell(f"Wrote {output_file}. Edit it, then run it: {following}")
