"""Secrets at rest: encrypted with a key that lies beside the data, readable by the operator alone."""

import json
import os
import secrets
from collections.abc import Callable
from pathlib import Path
from typing import Any

from cryptography.fernet import Fernet, InvalidToken

from tunesmith.server.kit.errors import UnavailableError


class Vault:
    """Encrypts and decrypts small JSON values (Fernet: AES-128-CBC with HMAC-SHA256)."""

    def __init__(self, key: str | bytes) -> None:
        self._fernet = Fernet(key)

    def seal(self, value: dict[str, Any]) -> str:
        """The value as text that tells nothing."""
        return self._fernet.encrypt(json.dumps(value).encode()).decode()

    def open(self, sealed: str | None) -> dict[str, Any]:
        """The value again; nothing sealed is an empty value.

        Raises:
            UnavailableError: the key is not the one that sealed it.
        """
        if not sealed:
            return {}
        try:
            value: dict[str, Any] = json.loads(self._fernet.decrypt(sealed.encode()))
        except InvalidToken:
            raise UnavailableError(
                "A stored secret cannot be decrypted: the server's secret key has changed. "
                "Start the server with the old TUNESMITH_SECRET_KEY, or enter the secret again."
            ) from None
        return value


def key_file(path: Path, make: Callable[[], bytes]) -> bytes:
    """The content of a key file, made with mode 0600 at the first start.

    Two servers that start at once agree on one key: the file is linked into place whole.
    """
    if not path.exists():
        path.parent.mkdir(parents=True, exist_ok=True)
        draft = path.with_name(f".{path.name}.{secrets.token_hex(4)}")
        descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(descriptor, "wb") as file:
            file.write(make())
            file.flush()
            os.fsync(file.fileno())
        try:
            path.hardlink_to(draft)
        except FileExistsError:
            pass
        finally:
            draft.unlink()
    return path.read_bytes()
