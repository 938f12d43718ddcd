"""Organisations, on the wire."""

from tunesmith.server.kit.wire import Reply


class PlatformReply(Reply):
    """Something to compute on: the machine, and what it computes with."""

    node: str
    gpu_type: str
