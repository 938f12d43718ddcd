"""Turns the errors of stores and file systems into sentences that name the store, the file and a remedy."""

import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field

from obstore import exceptions

from tunesmith.storage.errors import StorageError, StorageFileMissingError, StoreUnavailableError

_CODE = re.compile(r"<Code>([^<]{1,100})</Code>")
_NO_STORE = {"NoSuchBucket", "ContainerNotFound", "ContainerBeingDeleted"}
_UNSIGNED = "token request"
_BAD_CREDENTIALS = {
    "AccessDenied",
    "AuthenticationFailed",
    "AuthorizationFailure",
    "AuthorizationPermissionMismatch",
    "InvalidAuthenticationInfo",
    "NoAuthenticationInformation",
    "PublicAccessNotPermitted",
    "ResourceNotFound",
    "AuthorizationHeaderMalformed",
    "InvalidAccessKeyId",
    "InvalidToken",
    "SignatureDoesNotMatch",
}
# Shorter ones protect nothing, and blotting them out would leave parts of words.
_SHORTEST_SECRET = 4
_UNREACHABLE = ("HTTP error", "timed out")
_BUSY = re.compile(r"status code: (5\d\d|429|408)")


@dataclass(frozen=True)
class Faults:
    """Speaks for one store. Values in `secrets` never get into a message."""

    store: str
    secrets: Mapping[str, str] = field(default_factory=dict, repr=False)

    @contextmanager
    def named(self, verb: str, key: str = "") -> Iterator[None]:
        """Raise what goes wrong inside as a StorageError about `verb` (read, write, ...) and `key`."""
        try:
            yield
        except StorageError:
            raise
        except (exceptions.BaseError, OSError) as error:
            raise self._translated(error, verb, key) from None

    def _translated(self, error: Exception, verb: str, key: str) -> StorageError:
        text = str(error)
        code = found[1] if (found := _CODE.search(text)) else ""
        what = f"Could not {verb} {key} in" if key else f"Could not {verb}"
        if code in _NO_STORE:
            return StorageError(f"The {self.store} does not exist; create it or correct the workspace.")
        if isinstance(error, exceptions.PreconditionError):
            return StorageError(f"{what} the {self.store}: the file changed meanwhile; try again.")
        if code in _BAD_CREDENTIALS or isinstance(
            error, exceptions.PermissionDeniedError | exceptions.UnauthenticatedError | PermissionError
        ):
            return StorageError(
                f"{what} the {self.store}: permission was refused{_in_brackets(code)}; "
                "check the workspace's credentials and what they may access."
            )
        if _UNSIGNED in text:
            return StorageError(
                f"{what} the {self.store}: no token was given for the service account's key; check that the "
                "key is still valid and that its token service is reachable."
            )
        if isinstance(error, FileNotFoundError):
            return StorageFileMissingError(f"The {self.store} has no file {key}.")
        if any(sign in text for sign in _UNREACHABLE):
            return StoreUnavailableError(
                f"{what} the {self.store}: it does not answer; check that it is reachable."
            )
        if busy := _BUSY.search(text):
            return StoreUnavailableError(
                f"{what} the {self.store}: it answers with status {busy[1]}{_in_brackets(code)}; "
                "try again later."
            )
        return StorageError(f"{what} the {self.store}: {code or self._first_line(text)}")

    def _first_line(self, text: str) -> str:
        line = text.split("\n", maxsplit=1)[0][:300]
        for secret in self.secrets.values():
            line = line.replace(secret, "***") if len(secret) >= _SHORTEST_SECRET else line
        return line.rstrip(".") + "."


def _in_brackets(code: str) -> str:
    return f" ({code})" if code else ""
