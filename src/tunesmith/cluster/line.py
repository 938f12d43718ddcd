"""The line to the server: one report goes out, and what came of it is told in one of a few ways."""

from dataclasses import dataclass
from ipaddress import ip_address

import httpx
from pydantic import ValidationError

from tunesmith.protocol import Gap, Receipt, Report


@dataclass(frozen=True)
class Refused:
    """The server takes no more reports of this attempt. `why` is its sentence, here and below."""

    why: str


@dataclass(frozen=True)
class TooLarge:
    """The report is to be cut."""

    why: str


@dataclass(frozen=True)
class PutOff:
    """The server runs the job, and cannot take the report now."""

    why: str


@dataclass(frozen=True)
class Unheard:
    """Nobody who runs the job has answered."""

    why: str


Answer = Receipt | Gap | Refused | TooLarge | PutOff | Unheard

_OVER = frozenset({403, 404, 409})
_LONGEST_SENTENCE = 300


class Line:
    """A connection to the route of one job."""

    def __init__(self, url: str, seconds: float) -> None:
        """Args:
        url: the address of the job's route.
        seconds: how long the server may be silent.
        """
        self._url = url
        self._client = httpx.Client(timeout=seconds, trust_env=not _is_this_machine(httpx.URL(url).host))

    def close(self) -> None:
        """Let go of the connection."""
        self._client.close()

    def send(self, report: Report, token: str) -> Answer:
        """Send a report, and wait for what comes of it."""
        headers = {"Authorization": f"Bearer {token}", "Content-Type": "application/json"}
        try:
            reply = self._client.post(self._url, content=report.model_dump_json(), headers=headers)
        except httpx.HTTPError as error:
            return Unheard(f"{type(error).__name__}: {error}")
        try:
            return _answer(reply)
        except ValidationError:
            return Unheard(f"an odd reply ({reply.status_code}): {_sentence(reply)}")


def _answer(reply: httpx.Response) -> Answer:
    """Raises ValidationError where a reply is not of the form that its status promises."""
    match reply.status_code:
        case httpx.codes.OK:
            return Receipt.model_validate_json(reply.content)
        case httpx.codes.CONFLICT if b"events_offset" in reply.content:
            return Gap.model_validate_json(reply.content)
        case status if status in _OVER:
            return Refused(_sentence(reply))
        case httpx.codes.REQUEST_ENTITY_TOO_LARGE:
            return TooLarge(_sentence(reply))
        case httpx.codes.INSUFFICIENT_STORAGE:
            return PutOff(_sentence(reply))
    return Unheard(_sentence(reply))


def _sentence(reply: httpx.Response) -> str:
    return f"status {reply.status_code}: {reply.text[:_LONGEST_SENTENCE]}"


def _is_this_machine(host: str) -> bool:
    """Whether no proxy of the environment can reach the host."""
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"
