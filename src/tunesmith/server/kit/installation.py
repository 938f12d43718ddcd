"""Which server this is."""

import secrets

from tunesmith.server.kit.secrets import key_file
from tunesmith.server.kit.settings import Settings


def installation_id(settings: Settings) -> str:
    """The id of the server that has this data folder, made at its first start and kept there."""
    return key_file(settings.data_dir / "server_id", lambda: secrets.token_hex(16).encode()).decode()
