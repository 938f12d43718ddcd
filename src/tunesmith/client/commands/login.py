"""tunesmith login, logout."""

from typing import Annotated

import typer

from tunesmith.client.client import Client
from tunesmith.client.commands.output import JsonFlag, Output
from tunesmith.client.config import SavedLogin, config_path, forget, load, save

Url = Annotated[str | None, typer.Option(envvar="TUNESMITH_URL", help="The server, as http://HOST:PORT.")]
Org = Annotated[str | None, typer.Option(envvar="TUNESMITH_ORG", help="The organisation.")]
ApiKey = Annotated[
    str | None,
    typer.Option(
        envvar="TUNESMITH_API_KEY",
        help="The API key; asked for when left out, so that it shows in no list of processes.",
    ),
]


def login(url: Url = None, org: Org = None, api_key: ApiKey = None, as_json: JsonFlag = False) -> None:
    """Log in to a server, and remember it for the commands that follow."""
    output = Output(as_json)
    path = config_path()
    saved = load(path)
    url = url or saved.url
    org = org or typer.prompt("Organisation", default=saved.org, err=True)
    api_key = api_key or typer.prompt("API key", hide_input=True, err=True)
    with Client(url, org) as client:
        found = client.login(api_key)
    user = found.user_name or found.user_id
    save(path, SavedLogin(url=url, org=org, user=user, token=found.token))
    if as_json:
        output.document({"url": url, "org": org, "user": user, "user_id": found.user_id, "config": str(path)})
    output.tell(f"Logged in to {url} as {user} of {org}. Go on: tunesmith workspaces list")


def logout(as_json: JsonFlag = False) -> None:
    """Forget the login that this machine remembers."""
    output = Output(as_json)
    path = config_path()
    forget(path)
    if as_json:
        output.document({"config": str(path)})
    output.tell("Logged out. Log in again: tunesmith login")
