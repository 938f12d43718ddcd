"""Which addresses a download may connect to: public ones, and those that the operator lists.

The check is made on the address that the connection then goes to. A name that answers differently the second
time, a redirect and an odd spelling of an address all end up here.
"""

import socket
from collections.abc import Iterable
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network

import httpcore

from tunesmith.storage.errors import StorageError

Address = IPv4Address | IPv6Address
SETTING = "TUNESMITH_PRIVATE_HOSTS"

# A v4 address in v6 clothes is judged as what it is (RFC 6052).
_TRANSLATED = IPv6Network("64:ff9b::/96")


class AddressRefusedError(StorageError):
    """A name leads to an address that may not be asked; the message names both and the setting."""


@dataclass(frozen=True)
class PrivateHosts:
    """What the operator allows although it is not public: names of hosts, and networks."""

    names: frozenset[str] = frozenset()
    networks: tuple[IPv4Network | IPv6Network, ...] = ()

    @classmethod
    def parse(cls, entries: Iterable[str]) -> "PrivateHosts":
        """From names, addresses and networks such as 10.0.0.0/8.

        Raises:
            ValueError: an entry is a network that is written wrongly, or no name; the message quotes it.
        """
        names, networks = set(), []
        for entry in entries:
            try:
                networks.append(ip_network(entry, strict=False))
            except ValueError:
                if not entry or "/" in entry or ":" in entry:
                    raise ValueError(f"{entry!r} is no host name, address or network") from None
                names.add(entry.lower().rstrip("."))
        return cls(frozenset(names), tuple(networks))

    def lists(self, host: str, address: Address | None = None) -> bool:
        """Whether the operator allows this host, by its name or by its address."""
        address = address or _literal(host)
        within = address is not None and any(address in network for network in self.networks)
        return within or host.lower().rstrip(".") in self.names


def is_public(address: Address) -> bool:
    """Whether the address is one of the internet's, and not this machine's, a neighbour's or a provider's."""
    plain = _unwrapped(address)
    return plain.is_global and not plain.is_multicast


def refuse_literal(host: str, hosts: PrivateHosts) -> None:
    """Refuse a host that is written as an address which may not be asked; names are looked up later.

    Raises:
        AddressRefusedError: naming it and the setting.
    """
    address = _literal(host)
    if (address and not is_public(address) and not hosts.lists(host)) or (
        host.lower().rstrip(".").endswith("localhost") and not hosts.lists(host)
    ):
        raise _refused(host, str(address) if address else host)


def refuse_own_network(host: str) -> None:
    """Refuse a storage host on the link itself, where a cloud's machines find their own credentials.

    Private addresses are fine: a user's storage is often next door.

    Raises:
        AddressRefusedError: naming it.
    """
    literal = _literal(host)
    try:
        found = [literal] if literal else _addresses(host, 0)
    except (StorageError, httpcore.ConnectError):
        return  # the probe tells that nothing is there
    for address in map(_unwrapped, found):
        if address.is_link_local or address.is_multicast or address.is_unspecified:
            raise AddressRefusedError(f"{host} ({address}) is no address of a storage server.")


class CheckedBackend(httpcore.NetworkBackend):
    """Connects to addresses that may be asked.

    Args:
        hosts: what the operator allows beside public addresses.
        listed_only: public addresses are refused too: for plain http.
    """

    def __init__(self, hosts: PrivateHosts, *, listed_only: bool) -> None:
        self._hosts = hosts
        self._listed_only = listed_only
        self._plain = httpcore.SyncBackend()

    def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,
        local_address: str | None = None,
        socket_options: Iterable[httpcore.SOCKET_OPTION] | None = None,
    ) -> httpcore.NetworkStream:
        """A connection to one of the host's addresses, all of which must be allowed.

        Raises:
            AddressRefusedError: one of them is not.
            StorageError: nothing has that name.
            httpcore.ConnectError: none of them answers, or the name cannot be looked up now.
        """
        addresses = _addresses(host, port)
        for address in addresses:
            self._check(host, address)
        failure: httpcore.ConnectError | httpcore.ConnectTimeout | None = None
        for address in addresses:
            try:
                return self._plain.connect_tcp(str(address), port, timeout, local_address, socket_options)
            except (httpcore.ConnectError, httpcore.ConnectTimeout) as error:
                failure = error
        raise failure or httpcore.ConnectError(f"{host} has no address")

    def _check(self, host: str, address: Address) -> None:
        if self._hosts.lists(host, address):
            return
        if self._listed_only:
            raise AddressRefusedError(
                f"{host} is asked over plain http; use https, or have the server's operator add {host} to "
                f"{SETTING}."
            )
        if not is_public(address):
            raise _refused(host, str(address))


def _refused(host: str, address: str) -> AddressRefusedError:
    named = host if host == address else f"{host} ({address})"
    return AddressRefusedError(
        f"{named} is not a public address; if it is yours and trusted, have the server's operator add {host} "
        f"to {SETTING}."
    )


def _addresses(host: str, port: int) -> list[Address]:
    try:
        found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    except (OSError, UnicodeError) as error:
        if isinstance(error, socket.gaierror) and error.errno == socket.EAI_AGAIN:
            raise httpcore.ConnectError(f"the name {host} cannot be looked up now") from error
        raise StorageError(f"there is no host {host}; check the address.") from error
    plain = [str(one[4][0]).partition("%")[0] for one in found]
    return [ip_address(one) for one in dict.fromkeys(plain)]


def _literal(host: str) -> Address | None:
    try:
        return ip_address(host.strip("[]"))
    except ValueError:
        return None


def _unwrapped(address: Address) -> Address:
    if isinstance(address, IPv4Address):
        return address
    if address in _TRANSLATED:
        return IPv4Address(int(address) & 0xFFFFFFFF)
    return address.ipv4_mapped or address.sixtofour or (address.teredo or (None, address))[1]
