"""What can go wrong while talking to a server.

TunesmithError
├── ConnectionFailedError      no answer: not running, wrong address, cut off
├── APIError                   the server refused; knows status, code, description and a hint
│   ├── BadRequestError        400, with the problems of a refused spec
│   ├── UnauthorizedError      401, nobody is logged in
│   ├── ForbiddenError         403
│   ├── NotFoundError          404
│   ├── ConflictError          409
│   ├── RateLimitedError       429
│   └── ServerError            5xx
├── JobFailedError             a job that was waited for did not end well
├── DatasetInvalidError        a dataset that was waited for cannot be used
├── WaitTimeoutError           it takes longer than the caller wanted to wait
├── UnsafeArchiveError         a downloaded archive would write outside its folder
├── NotLoggedInError           this machine remembers no login
└── ConfigError                the configuration file or an option cannot be used
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from tunesmith.client.models import Dataset, Job


class TunesmithError(Exception):
    """Root of everything that this client raises. The hint says what to do next, or is empty."""

    def __init__(self, message: str, hint: str = "") -> None:
        self.message = message
        self.hint = hint
        super().__init__(f"{message} {hint}".rstrip())


class ConnectionFailedError(TunesmithError):
    """The server did not answer."""

    def __init__(self, url: str, reason: str) -> None:
        self.url = url
        super().__init__(
            f"No answer from {url}: {reason}.",
            "Is the server running? Start one with `tunesmith serve`, or name another with TUNESMITH_URL.",
        )


@dataclass(frozen=True)
class Problem:
    """One thing wrong with a spec: the key's path, the rule it breaks, its value, the nearest valid key."""

    key: str
    rule: str
    value: Any = None
    nearest: str | None = None


class APIError(TunesmithError):
    """The server answered, and refused."""

    hints: Mapping[int, str] = {
        401: "Log in with `tunesmith login`.",
        403: "Ask the owner to share it, or log in to the organisation that it belongs to.",
        429: "Wait a little, then try again.",
    }

    def __init__(self, status: int, description: str, code: int, problems: tuple[Problem, ...] = ()) -> None:
        self.status = status
        self.code = code
        self.description = description
        self.problems = problems
        super().__init__(description, self.hints.get(status, ""))


class BadRequestError(APIError):
    """The request itself is wrong; `problems` lists what is wrong with a spec."""


class UnauthorizedError(APIError):
    """Nobody is logged in, the login has expired, or the key is wrong."""


class ForbiddenError(APIError):
    """The caller may not do this."""


class NotFoundError(APIError):
    """There is no such object, or the caller may not know of it."""


class ConflictError(APIError):
    """The object has moved on since the caller looked."""


class RateLimitedError(APIError):
    """Too many requests."""


class ServerError(APIError):
    """The server failed."""


class JobFailedError(TunesmithError):
    """A job ended in Error, Canceled or Paused instead of Done."""

    def __init__(self, job: "Job") -> None:
        self.job = job
        reason = job.progress.failure_message or job.progress.message or "no reason given"
        super().__init__(
            f"The {job.action} job {job.id} ended as {job.status}: {reason}", job.progress.advice
        )


class DatasetInvalidError(TunesmithError):
    """A dataset could not be pulled, or its files do not fit its format."""

    def __init__(self, dataset: "Dataset") -> None:
        self.dataset = dataset
        reason = dataset.status_reason or "no reason given"
        super().__init__(
            f"Dataset {dataset.id} ({dataset.name}) cannot be used: {reason}",
            "Correct its files in the workspace, then create the dataset again.",
        )


class WaitTimeoutError(TunesmithError):
    """The caller's patience ended before the work did. The work goes on."""

    def __init__(self, what: str, seconds: float) -> None:
        super().__init__(f"{what} is not done after {seconds:g} seconds.", "It goes on; look again later.")


class UnsafeArchiveError(TunesmithError):
    """An archive holds something other than plain files inside its own folder."""


class NotLoggedInError(TunesmithError):
    """There is nothing to log in with."""

    def __init__(self) -> None:
        super().__init__("Nobody is logged in.", "Log in with `tunesmith login`.")


class ConfigError(TunesmithError):
    """The configuration file, or what was typed, cannot be used."""


BY_STATUS: Mapping[int, type[APIError]] = {
    400: BadRequestError,
    401: UnauthorizedError,
    403: ForbiddenError,
    404: NotFoundError,
    409: ConflictError,
    429: RateLimitedError,
}


def refusal(status: int, body: Any, fallback: str) -> APIError:
    """The error for a reply that is not a success, whichever of the API's error shapes it has."""
    fields = body if isinstance(body, dict) else {}
    description = str(fields.get("error_desc") or fields.get("description") or fallback)
    code = fields.get("error_code", status)
    kind = BY_STATUS.get(status, ServerError if status >= 500 else APIError)
    return kind(status, description, code if isinstance(code, int) else status, _problems(fields))


def _problems(fields: Mapping[str, Any]) -> tuple[Problem, ...]:
    entries = fields.get("problems") or ()
    return tuple(
        Problem(str(one["key"]), str(one.get("rule", "")), one.get("value"), one.get("nearest"))
        for one in entries
        if isinstance(one, dict) and "key" in one
    )
