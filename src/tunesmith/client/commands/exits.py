"""The exit codes of the command line."""

from enum import IntEnum

from tunesmith.client.errors import (
    ConnectionFailedError,
    ForbiddenError,
    NotFoundError,
    NotLoggedInError,
    TunesmithError,
    UnauthorizedError,
)


class ExitCode(IntEnum):
    """How a command ended, for scripts."""

    OK = 0
    FAILED = 1
    """The server refused, or a job or dataset that was waited for ended badly."""
    USAGE = 2
    """What was typed makes no sense."""
    NO_CONNECTION = 3
    """The server does not answer."""
    NOT_LOGGED_IN = 4
    """Nobody is logged in, or who is may not do this."""
    NOT_FOUND = 5
    """There is no such object."""
    INTERRUPTED = 130
    """Ctrl-C."""


def code_of(error: TunesmithError) -> ExitCode:
    """The exit code that tells of this error."""
    match error:
        case ConnectionFailedError():
            return ExitCode.NO_CONNECTION
        case NotLoggedInError() | UnauthorizedError() | ForbiddenError():
            return ExitCode.NOT_LOGGED_IN
        case NotFoundError():
            return ExitCode.NOT_FOUND
        case _:
            return ExitCode.FAILED
