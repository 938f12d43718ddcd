"""A process that publishes, to be killed: `python -m tests.server.resources.publishing.publish_once JSON`.

The JSON has `location` and `secrets` of the store with the model, `models` (name -> size), `hub` (its
address; "" for the embedded registry) and `writes`: after so many writes to the store it kills itself.
"""

import json
import os
import signal
import sys
from collections.abc import Callable
from typing import Any

from tests.server.resources.publishing.shelves import VERSION, edition_of

from tunesmith.server.publishing.embedded import EmbeddedRegistry
from tunesmith.storage.files import Files
from tunesmith.storage.locations import Location


class MortalFiles(Files):
    """A store whose user is killed before a write."""

    left = sys.maxsize

    def write(self, key: str, data: bytes) -> None:
        self._count(lambda: Files.write(self, key, data))

    def copy(self, source: str, target: str) -> None:
        self._count(lambda: Files.copy(self, source, target))

    def _count(self, write: Callable[[], None]) -> None:
        if self.left == 0:
            os.kill(os.getpid(), signal.SIGKILL)
        self.left -= 1
        write()


def main(asked: dict[str, Any]) -> None:
    workspace = MortalFiles(Location.model_validate(asked["location"]), asked["secrets"])
    edition = edition_of(workspace, asked["models"])
    workspace.left = asked.get("writes", sys.maxsize)
    if asked["hub"]:
        from tests.hub_registry import NAMESPACE, TOKEN

        from tunesmith.server.publishing.hub import HubRegistry

        HubRegistry(asked["hub"], NAMESPACE, TOKEN).publish(VERSION, edition)
    else:
        EmbeddedRegistry(workspace).publish(VERSION, edition)


if __name__ == "__main__":
    main(json.loads(sys.argv[1]))
