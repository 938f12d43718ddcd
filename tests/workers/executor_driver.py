"""Stands for a server in tests that kill one: launches the jobs that it is told of, and keeps them.

Each line of input is a `Launch`; each line of output the process number of its worker. The first line of
output holds the process number of the fork server.
"""

import sys
import threading
from pathlib import Path

from tunesmith.protocol import Launch
from tunesmith.workers.base import Demand, Slot
from tunesmith.workers.local import LocalExecutor
from tunesmith.workers.worker import LocalWorker

MODULES = ("executor_actions",)


def keep(workers: list[LocalWorker]) -> None:
    while True:
        for worker in workers:
            worker.keep()
        threading.Event().wait(0.1)


def main() -> None:
    executor = LocalExecutor(Path(sys.argv[1]), MODULES, MODULES)
    executor.start()
    workers: list[LocalWorker] = []
    threading.Thread(target=keep, args=(workers,), daemon=True).start()
    process = executor._compute._process
    assert process
    print(process.pid, flush=True)
    for line in sys.stdin:
        worker = executor.launch(Launch.model_validate_json(line), Demand(Slot.CPU))
        workers.append(worker)
        assert worker._group
        print(worker._group.leader, flush=True)


main()
