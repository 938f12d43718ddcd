"""Over which network interface the processes of a distributed training talk."""

import fcntl
import os
import socket
import struct
from contextlib import suppress

_SIOCGIFADDR = 0x8915
"""Linux: the IPv4 address of an interface."""
_NAME_BYTES = 16
_REQUEST_BYTES = 40
_LOOPBACK = "127."


def choose_interface(meeting: str) -> None:
    """Have gloo and NCCL talk over the interface that leads to the meeting, HOST:PORT.

    By themselves they take what this machine's own name resolves to, which many systems make a loopback
    address that no other machine reaches. What the environment says already holds.
    """
    if name := _interface_to(meeting.rpartition(":")[0].strip("[]")):
        for variable in ("GLOO_SOCKET_IFNAME", "NCCL_SOCKET_IFNAME"):
            os.environ.setdefault(variable, name)


def _interface_to(host: str) -> str:
    """The name of the interface; empty if that cannot be told."""
    if host.startswith(_LOOPBACK):
        return "lo"
    try:
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
            probe.connect((host, 9))  # sends nothing; the system chooses the way
            own = probe.getsockname()[0]
            return next((name for _, name in socket.if_nameindex() if _address_of(probe, name) == own), "")
    except OSError:
        return ""


def _address_of(probe: socket.socket, interface: str) -> str:
    request = struct.pack(f"{_REQUEST_BYTES}s", interface.encode()[: _NAME_BYTES - 1])
    with suppress(OSError):  # it has no IPv4 address
        answer = fcntl.ioctl(probe.fileno(), _SIOCGIFADDR, request)
        return socket.inet_ntoa(answer[20:24])
    return ""
