"""A server without its API: a scheduler on a data folder and a database, until it is ended."""

import os
import signal
import sys
import threading
from pathlib import Path

from cryptography.fernet import Fernet

from tunesmith.server.kit.secrets import Vault
from tunesmith.server.kit.settings import Settings
from tunesmith.server.opening import open_database
from tunesmith.server.scheduling.executors.choice import ground_of
from tunesmith.server.scheduling.hint import Hint
from tunesmith.server.scheduling.scheduler import Scheduler

MODULES = ("chaos_actions",)


def main() -> None:
    ended = threading.Event()
    signal.signal(signal.SIGTERM, lambda *_: ended.set())
    settings = Settings(
        data_dir=Path(sys.argv[1]),
        database_url=sys.argv[2],
        cpu_slots=2,
        lease_seconds=3,
        stop_grace=1,
        max_restarts=100,
    )
    vault, database, hint = Vault(Fernet.generate_key()), open_database(settings), Hint()
    ground = ground_of(settings, database, hint.wake_here, MODULES, MODULES)
    scheduler = Scheduler(settings, database, vault, hint, ground)
    scheduler.start()
    print("ready", flush=True)
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())  # nobody reads on
    ended.wait()
    scheduler.stop()


main()
