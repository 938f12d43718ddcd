"""The `tunesmith` command: the client's commands, and beside them those that run on the server's machine.

What the server, the demo and their libraries need is imported by the command that uses it, so that
`tunesmith jobs list` starts fast.
"""

from pathlib import Path
from typing import Annotated

import typer

from tunesmith.client.commands import build
from tunesmith.client.commands.output import JsonFlag, Output

DataDir = Annotated[
    Path | None,
    typer.Option(help="Folder of the database, keys and job folders.", show_default="TUNESMITH_DATA_DIR"),
]
DatabaseUrl = Annotated[
    str | None,
    typer.Option(help="SQLAlchemy URL of the database; an SQLite file in the data folder if unset."),
]

app = build()
keys = typer.Typer(help="API keys, on the server's machine.", no_args_is_help=True)
app.add_typer(keys, name="keys")


@app.command()
def serve(
    data_dir: DataDir = None,
    host: Annotated[str | None, typer.Option(help="Address to listen on.")] = None,
    port: Annotated[int | None, typer.Option(help="Port to listen on; 0 takes a free one.")] = None,
    database_url: DatabaseUrl = None,
    executor: Annotated[str | None, typer.Option(help="Where jobs run.")] = None,
) -> None:
    """Run a server on this machine."""
    from tunesmith.server import commands

    commands.serve(data_dir, host, port, database_url, executor)


@keys.command("create")
def keys_create(
    org: Annotated[str, typer.Option(help="The organisation; made if there is none of this name.")],
    user: Annotated[str, typer.Option(help="Who the key is for.")],
    data_dir: DataDir = None,
    database_url: DatabaseUrl = None,
    as_json: JsonFlag = False,
) -> None:
    """Create an API key. It is shown this once; the server keeps a hash."""
    from tunesmith.server import commands

    key = commands.keys_create(org, user, data_dir, database_url)
    output = Output(as_json)
    if as_json:
        output.document({"org": org, "user": user, "key": key})
    else:
        output.line(key)
    output.tell(f"Keep this key: it is not shown again. Log in with it: tunesmith login --org {org}")


@app.command()
def demo(
    out: Annotated[Path, typer.Option(help="Folder for the figures, pictures and files.")] = Path("demo-out"),
    svg: Annotated[Path | None, typer.Option(help="Also draw what was printed as an SVG file.")] = None,
) -> None:
    """Train, evaluate, export and query a digit classifier on a server of its own, in two minutes."""
    from tunesmith.demo import run

    raise typer.Exit(run(out, svg))


def main() -> None:
    """Run the command that was typed."""
    app()


if __name__ == "__main__":
    main()
