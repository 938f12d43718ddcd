"""The names of files in a store: slash-separated, relative, and safe on every kind of store."""

import re

from tunesmith.storage.errors import InvalidKeyError

# S3 allows 1,024 bytes for the whole key; file systems 255 bytes a part.
_LONGEST_KEY = 1024
_CONTROL = re.compile(r"[\x00-\x1f\x7f]")


def check_key(key: str) -> str:
    """The key itself, once it is known to be one.

    Raises:
        InvalidKeyError: it is empty, absolute, too long, has an empty part, `.`, `..`, or a control
            character.
    """
    if not key:
        raise InvalidKeyError("A file's key must not be empty.")
    if key.startswith("/"):
        raise InvalidKeyError(f"The key {key!r} is absolute; keys are relative to the workspace.")
    if _CONTROL.search(key):
        raise InvalidKeyError(f"The key {key!r} holds a control character; rename the file.")
    for part in key.split("/"):
        if part in {"", ".", ".."}:
            raise InvalidKeyError(f"The key {key!r} has the part {part!r}; use plain names between slashes.")
    if len(_encoded(key)) > _LONGEST_KEY:
        raise InvalidKeyError(f"The key {key[:60]!r}... is longer than {_LONGEST_KEY} bytes; shorten it.")
    return key


def check_prefix(prefix: str) -> str:
    """A folder's key without its trailing slash; "" is the root.

    Raises:
        InvalidKeyError: as `check_key`.
    """
    bare = prefix.removesuffix("/")
    return check_key(bare) if bare else ""


def check_azure_key(key: str) -> None:
    """Refuse a key that Azure would store under another name.

    Raises:
        InvalidKeyError: it has a backslash, or a part that ends with a dot.
    """
    if "\\" in key or any(part.endswith(".") for part in key.split("/")):
        raise InvalidKeyError(
            f"The key {key!r} cannot be kept on Azure; rename it, without backslashes and dots at the end."
        )


def is_key(key: str) -> bool:
    """Whether a name found in a store can be asked for."""
    try:
        check_key(key)
    except InvalidKeyError:
        return False
    return True


def join(prefix: str, key: str) -> str:
    """The key below a prefix; either may be ""."""
    return f"{prefix}/{key}".strip("/")


def _encoded(key: str) -> bytes:
    try:
        return key.encode()
    except UnicodeEncodeError:
        raise InvalidKeyError(f"The key {key!r} is not valid Unicode; rename the file.") from None
