"""How often one caller may ask: requests counted in fixed windows, in memory that cannot grow."""

import math
import re
from collections import OrderedDict
from collections.abc import Hashable
from dataclasses import dataclass
from ipaddress import ip_address, ip_network
from typing import Literal

_SECONDS = {"second": 1, "minute": 60, "hour": 3600, "day": 86400}
_FORM = re.compile(rf"(\d{{1,12}}) ?/ ?({'|'.join(_SECONDS)})")
_OFF = {"off", "0"}
_NETWORK_BITS = 64
"""One site has 2**64 addresses of IPv6 to choose from, so the network is what counts."""


@dataclass(frozen=True)
class Rate:
    """So many requests in so many seconds."""

    requests: int
    seconds: int

    @classmethod
    def parse(cls, text: str) -> "Rate | None":
        """The rate that the text stands for, e.g. "10000/hour"; None if there is to be none.

        Raises:
            ValueError: the text is no rate.
        """
        wanted = text.strip().lower()
        found = _FORM.fullmatch(wanted)
        if wanted in _OFF or (found and int(found[1]) == 0):
            return None
        if found is None:
            raise ValueError(f"{text!r} is no rate: write 10000/hour, 100/minute, 5/second, or off")
        return cls(int(found[1]), _SECONDS[found[2]])


@dataclass(slots=True)
class Window:
    """What one caller has used of one route. `ends` is in seconds since the epoch."""

    ends: float
    used: int = 0


@dataclass(frozen=True, slots=True)
class Verdict:
    """Whether a request is within its rate, and what is left. `reset` is in seconds since the epoch."""

    limit: int
    remaining: int
    reset: int
    wait: int
    allowed: bool


class Windows:
    """Counts requests by anything hashable.

    Fixed windows of one length end in the order in which they began: so the oldest make room for new ones,
    and never more than `most` are kept, however many callers there seem to be.
    """

    def __init__(self, rate: Rate, most: int) -> None:
        self._rate = rate
        self._most = most
        self._open: OrderedDict[Hashable, Window] = OrderedDict()

    def __len__(self) -> int:
        return len(self._open)

    def count(self, who: Hashable, moment: float) -> Verdict:
        """Count one request at a moment, in seconds since the epoch."""
        window = self._open.get(who)
        if window is None or window.ends <= moment:
            window = self._begin(who, moment)
        window.used += 1
        left = self._rate.requests - window.used
        return Verdict(
            limit=self._rate.requests,
            remaining=max(0, left),
            reset=math.ceil(window.ends),
            wait=max(1, math.ceil(window.ends - moment)),
            allowed=left >= 0,
        )

    def _begin(self, who: Hashable, moment: float) -> Window:
        self._open.pop(who, None)
        while self._open and (len(self._open) >= self._most or self._oldest().ends <= moment):
            self._open.popitem(last=False)
        window = Window(moment + self._rate.seconds)
        self._open[who] = window
        return window

    def _oldest(self) -> Window:
        return next(iter(self._open.values()))


Kind = Literal["key", "address"]


class Limiter:
    """Counts by API key and by address apart, so that no crowd of addresses makes a key's count forgotten.

    One thread calls: that of the event loop.
    """

    def __init__(self, rate: Rate, most: int = 50_000) -> None:
        self._windows: dict[Kind, Windows] = {"key": Windows(rate, most), "address": Windows(rate, most)}

    def count(self, kind: Kind, who: Hashable, route: str, moment: float) -> Verdict:
        """Count one request to a route."""
        return self._windows[kind].count((who, route), moment)


def site_of(address: str) -> str:
    """The address, or of IPv6 the network that one site has to itself."""
    if ":" not in address:
        return address
    try:
        found = ip_address(address.partition("%")[0])
    except ValueError:
        return address
    return str(ip_network((found, _NETWORK_BITS), strict=False))
