"""One of the processes that train a job together, started by the job's worker on the same machine.

Run as `python -m tunesmith.training.rank`. It is told its place on standard input (see `engine.beside.Place`)
and ends with the worker, whose end closes that.
"""

import os
import sys
import threading
import traceback

from tunesmith.protocol import Cause, JobFolder
from tunesmith.training.actions import run_action
from tunesmith.training.engine.beside import Place
from tunesmith.training.failures import StoppedError, failure_of
from tunesmith.training.run import Run
from tunesmith.training.seats import Seat

FAILED = 1


def main() -> int:
    """Train. Returns the exit code: 0 if the training ended well or was stopped."""
    place = Place.model_validate_json(sys.stdin.buffer.readline())
    threading.Thread(target=_end_with_worker, name="worker", daemon=True).start()
    folder = JobFolder(place.folder)
    seat = Seat.first_of(folder.request().resources).beside(place.local, place.meeting)
    try:
        run_action(Run(folder, place.secrets, seat=seat))
    except StoppedError:
        return 0
    except Exception as error:  # noqa: BLE001 - the process's edge; the first process has been told
        if failure_of(error).cause is Cause.INTERNAL:
            traceback.print_exc()
        return FAILED
    return 0


def _end_with_worker() -> None:
    sys.stdin.buffer.read()
    os._exit(FAILED)


if __name__ == "__main__":
    sys.exit(main())
