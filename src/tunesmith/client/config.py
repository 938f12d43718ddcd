"""What the command line remembers between two commands: the server, the organisation, the token."""

import os
import tempfile
from collections.abc import Mapping
from pathlib import Path

from pydantic import BaseModel, ConfigDict, ValidationError

from tunesmith.client.client import Client
from tunesmith.client.errors import ConfigError, NotLoggedInError

DEFAULT_URL = "http://127.0.0.1:8000"


class SavedLogin(BaseModel):
    """The contents of the configuration file. The API key is not kept: a token expires, a key does not."""

    model_config = ConfigDict(frozen=True)

    url: str = DEFAULT_URL
    org: str | None = None
    user: str | None = None
    token: str | None = None


def config_path(environ: Mapping[str, str] = os.environ) -> Path:
    """The configuration file: TUNESMITH_CONFIG, or config.json in the user's configuration folder."""
    if chosen := environ.get("TUNESMITH_CONFIG"):
        return Path(chosen)
    base = environ.get("XDG_CONFIG_HOME")
    return (Path(base) if base else Path.home() / ".config") / "tunesmith" / "config.json"


def load(path: Path) -> SavedLogin:
    """What was saved; the defaults if nothing was.

    Raises:
        ConfigError: the file cannot be read.
    """
    try:
        return SavedLogin.model_validate_json(path.read_bytes())
    except FileNotFoundError:
        return SavedLogin()
    except (OSError, ValidationError) as error:
        raise ConfigError(f"{path} cannot be read.", "Delete it, then log in again.") from error


def save(path: Path, login: SavedLogin) -> None:
    """Write the file so that only its owner can read it, whole or not at all.

    Raises:
        ConfigError: the file cannot be written.
    """
    try:
        path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        with tempfile.NamedTemporaryFile("w", dir=path.parent, delete=False) as file:  # has mode 0600
            beside = Path(file.name)
            try:
                file.write(login.model_dump_json(indent=2))
                file.flush()
                beside.replace(path)
            finally:
                beside.unlink(missing_ok=True)
    except OSError as error:
        hint = "Name another file with TUNESMITH_CONFIG."
        raise ConfigError(f"{path} cannot be written: {error.strerror}.", hint) from error


def forget(path: Path) -> None:
    """Remove what was saved."""
    path.unlink(missing_ok=True)


def connect(environ: Mapping[str, str] = os.environ) -> Client:
    """A client for who is logged in. TUNESMITH_URL, _ORG, _TOKEN and _API_KEY win over the file.

    A saved token is sent to no other server or organisation than the one that gave it.

    Raises:
        NotLoggedInError: there is neither a token nor a key.
        ConfigError: the file or the URL cannot be used.
    """
    saved = load(config_path(environ))
    url = environ.get("TUNESMITH_URL") or saved.url
    org = environ.get("TUNESMITH_ORG") or saved.org
    api_key = environ.get("TUNESMITH_API_KEY")
    token = environ.get("TUNESMITH_TOKEN")
    if not token and (url, org) == (saved.url, saved.org):
        token = saved.token
    if not org or not (token or api_key):
        raise NotLoggedInError
    return Client(url, org, token=token, api_key=api_key)
