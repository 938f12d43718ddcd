"""Runs jobs on a Ray cluster for one server, in a process of its own: Ray ends its driver when it is lost.

Run by a server as `python -m tunesmith.cluster.broker LISTENER SETTINGS`, with the number of a Unix socket
that listens and a `BrokerSettings` as JSON. `tunesmith.workers.orders` tells what is said there. When its
server is gone, with which standard input ends, it goes; what runs on the nodes goes on, and the next server's
broker finds it. When it is told to end (SIGTERM) it ends what runs for its server first, with the cluster if
that is its own.
"""

import asyncio
import os
import socket
import sys

import structlog

from tunesmith.cluster import local
from tunesmith.workers.orders import BrokerSettings

_SILENCE_SECONDS = 15
"""After so long without its cluster Ray ends this process, and the server starts it anew."""


def main() -> None:
    """Serve until nobody needs it any more."""
    structlog.configure(logger_factory=structlog.PrintLoggerFactory(sys.stderr))
    listener = socket.socket(fileno=int(sys.argv[1]))
    os.set_inheritable(listener.fileno(), False)
    settings = BrokerSettings.model_validate_json(sys.argv[2])
    if not settings.address:
        os.environ.update(local.environment(settings.run_dir))
    os.environ.setdefault("RAY_gcs_rpc_server_reconnect_timeout_s", str(_SILENCE_SECONDS))
    # Not before: Ray reads the environment when it is imported.
    from tunesmith.cluster.switchboard import Broker

    asyncio.run(Broker(settings).serve(listener))


if __name__ == "__main__":
    main()
