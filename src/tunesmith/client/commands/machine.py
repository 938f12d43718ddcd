"""tunesmith gpu-types, notebooks, version."""

from importlib.metadata import version as installed_version
from pathlib import Path
from typing import Annotated

import typer

from tunesmith.client.client import Client
from tunesmith.client.commands.output import JsonFlag, Output
from tunesmith.client.config import config_path, connect, load
from tunesmith.client.errors import TunesmithError
from tunesmith.client.transport import RetryPolicy


def gpu_types(as_json: JsonFlag = False) -> None:
    """List the kinds of GPU that jobs can run on."""
    output = Output(as_json)
    with connect() as client:
        found = client.gpu_types()
    if as_json:
        output.document(found)
        return
    for platform, gpu in found.items():
        output.line(f"{platform}\t{gpu.get('gpu_type', '')}\t{gpu.get('node', '')}")
    if not found:
        output.tell("The server has no GPU; jobs run on its processor.")


def notebooks(
    to: Annotated[Path, typer.Option(help="Folder for the notebooks.")] = Path("notebooks"),
    as_json: JsonFlag = False,
) -> None:
    """Download the server's example notebooks."""
    output = Output(as_json)
    with Client(load(config_path()).url, "-") as client:
        written = [str(path) for path in client.notebooks(to)]
    if as_json:
        output.document(written)
        return
    for path in written:
        output.line(path)


def version(as_json: JsonFlag = False) -> None:
    """Show the version of this client, and of the server if it answers."""
    output = Output(as_json)
    versions = {"client": installed_version("tunesmith"), "server": _server_version()}
    if as_json:
        output.document(versions)
    else:
        output.fields(versions)


def _server_version() -> str | None:
    try:
        url = load(config_path()).url
        with Client(url, "-", timeout=2.0, retry=RetryPolicy(attempts=1)) as client:
            return str(client.version().get("version"))
    except TunesmithError:
        return None
