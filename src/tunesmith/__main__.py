"""The `tunesmith` command: the client's commands, and beside them those that run on the server's machine.

What the server, the demo and their libraries need is imported by the command that uses it, so that
`tunesmith jobs list` starts fast.
"""

from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from tunesmith.client.commands import build, specs
from tunesmith.client.commands.output import JsonFlag, Output

if TYPE_CHECKING:
    from tunesmith.networks.coverage import Coverage
    from tunesmith.server.auth.administration import KeyEntry

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
models = typer.Typer(help="Weights of base experiments, on the server's machine.", no_args_is_help=True)
app.add_typer(models, name="models")


@app.command()
def serve(
    data_dir: DataDir = None,
    host: Annotated[str | None, typer.Option(help="Address to listen on.")] = None,
    port: Annotated[int | None, typer.Option(help="Port to listen on; 0 takes a free one.")] = None,
    database_url: DatabaseUrl = None,
    executor: Annotated[str | None, typer.Option(help="Where jobs run.")] = None,
) -> None:
    """Run a server on this machine."""
    from tunesmith.server.commands import serve as run_server

    run_server(data_dir, host, port, database_url, executor)


@keys.command("create")
def keys_create(
    org: Annotated[str, typer.Option(help="The organisation; made if there is none of this name.")],
    user: Annotated[str, typer.Option(help="Who the key is for.")],
    data_dir: DataDir = None,
    database_url: DatabaseUrl = None,
    as_json: JsonFlag = False,
) -> None:
    """Create an API key. It is shown this once; the server keeps a hash."""
    from tunesmith.server.commands import keys_create as create

    key = create(org, user, data_dir, database_url)
    output = Output(as_json)
    if as_json:
        output.document({"org": org, "user": user, "key": key})
    else:
        output.line(key)
    output.tell(f"Keep this key: it is not shown again. Log in with it: tunesmith login --org {org}")


@keys.command("list")
def keys_list(data_dir: DataDir = None, database_url: DatabaseUrl = None, as_json: JsonFlag = False) -> None:
    """List the API keys by their first characters, revoked ones too."""
    from tunesmith.server.commands import keys_list as listed

    entries = listed(data_dir, database_url)
    output = Output(as_json)
    if as_json:
        output.document([_plain(one) for one in entries])
        return
    headings = ("KEY", "ORG", "USER", "CREATED", "LAST USED", "REVOKED")
    rows = [
        (one.hint, one.org, one.user, one.created_on, one.last_used_on, one.revoked_on) for one in entries
    ]
    output.rows(headings, rows)


@keys.command("revoke")
def keys_revoke(
    key: Annotated[str, typer.Argument(help="The key, or enough of its beginning.")],
    data_dir: DataDir = None,
    database_url: DatabaseUrl = None,
    as_json: JsonFlag = False,
) -> None:
    """Make a key useless from now on, with every token that it has given."""
    from tunesmith.server.commands import keys_revoke as revoke

    entry = revoke(key, data_dir, database_url)
    output = Output(as_json)
    if as_json:
        output.document(_plain(entry))
    output.tell(f"The key {entry.hint} of {entry.user} in {entry.org} is revoked.")


@models.command("list")
def models_list(data_dir: DataDir = None, as_json: JsonFlag = False) -> None:
    """List the base experiments, and whose weights are here."""
    from tunesmith.server.commands import models_list as listed

    entries = listed(data_dir)
    output = Output(as_json)
    if as_json:
        output.document([asdict(one) for one in entries])
        return
    rows = [
        (one.ngc_path, one.network, one.license, "" if one.size is None else f"{one.size / 1e6:.1f} MB")
        for one in entries
    ]
    output.rows(("NAME", "NETWORK", "LICENCE", "HERE"), rows)


@models.command("add")
def models_add(
    file: Annotated[
        Path,
        typer.Argument(help="Weights: .safetensors or .pth.", exists=True, dir_okay=False, readable=True),
    ],
    ngc_path: Annotated[
        str | None, typer.Option(help="Name of the base experiment, as `models list` shows it.")
    ] = None,
    identity: Annotated[
        str | None, typer.Option("--id", help="Id of the base experiment, instead of its name.")
    ] = None,
    data_dir: DataDir = None,
    database_url: DatabaseUrl = None,
    as_json: JsonFlag = False,
) -> None:
    """Bring weights to a server that cannot fetch them. The file is read as data alone, and copied."""
    from tunesmith.server.commands import models_add as add
    from tunesmith.server.commands import models_check

    name = ngc_path or identity
    if name is None or (ngc_path and identity):
        raise typer.BadParameter("name the base experiment by --ngc-path or by --id: one of them")
    models_check(name)
    try:
        from tunesmith.training.engine.weights import read_weights
        from tunesmith.training.failures import JobError
    except ModuleNotFoundError as error:
        raise typer.BadParameter(
            f"{error.name} is needed to check weights: pip install 'tunesmith[train]'"
        ) from None
    try:
        count = len(read_weights(file, "FILE"))
    except JobError as error:
        raise typer.BadParameter(f"{error} {error.advice}") from None
    entry = add(file, name, data_dir, database_url)
    output = Output(as_json)
    if as_json:
        output.document(asdict(entry))
    output.tell(f"{entry.ngc_path} is here: {count} weights, SHA-256 {entry.sha256}.")


@specs.app.command("coverage")
def specs_coverage(
    network: Annotated[
        list[str] | None, typer.Argument(help="Networks; all of them if none is named.")
    ] = None,
    inert: Annotated[bool, typer.Option("--inert", help="List the keys that do nothing, and why.")] = False,
    as_json: JsonFlag = False,
) -> None:
    """Count the published keys of each network: those that act, that do nothing here, that are missing."""
    from tunesmith.networks import UnknownNetworkError, get_network, networks
    from tunesmith.networks.coverage import coverage

    try:
        counted = [coverage(get_network(arch)) for arch in network or networks()]
    except UnknownNetworkError as error:
        raise typer.BadParameter(str(error)) from None
    output = Output(as_json)
    if as_json:
        output.document([asdict(one) | {"acting": one.acting} for one in counted])
    elif inert:
        rows = [(one.arch, key, reason) for one in counted for key, reason in one.inert.items()]
        output.rows(("NETWORK", "KEY", "WHY IT DOES NOTHING"), rows)
    else:
        headings = ("NETWORK", "KEYS", "ACTING", "INERT", "SHARE", "MISSING")
        output.rows(headings, [_counts(one) for one in counted])


@app.command()
def demo(
    out: Annotated[Path, typer.Option(help="Folder for the figures, pictures and files.")] = Path("demo-out"),
    svg: Annotated[Path | None, typer.Option(help="Also draw what was printed as an SVG file.")] = None,
) -> None:
    """Train, evaluate, export and query a digit classifier on a server of its own, in two minutes."""
    from tunesmith.demo import run

    raise typer.Exit(run(out, svg))


def _plain(entry: "KeyEntry") -> dict[str, str | None]:
    """A key's entry as JSON values."""
    return {name: value if value is None else str(value) for name, value in asdict(entry).items()}


def _counts(one: "Coverage") -> tuple[str | int, ...]:
    """A row of the table of keys."""
    share = f"{one.inert_share:.1%}"
    return one.arch, one.published, one.acting, len(one.inert), share, len(one.missing)


def main() -> None:
    """Run the command that was typed."""
    app()


if __name__ == "__main__":
    main()
