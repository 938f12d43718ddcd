"""What a child of a fork server does while it waits for its job: the first steps of any job, for nothing.

A fork shares its parent's memory until it writes to it, and Python writes to whatever it looks at. Each of
the pages that a job's beginning touches is copied then, which takes longer than the beginning itself. So a
child that waits has them copied before its job comes.
"""

import socket
import tempfile
import threading
from contextlib import suppress
from pathlib import Path
from uuid import UUID

from tunesmith.protocol import JobFolder, JobRequest, Launch, Started
from tunesmith.training.run import Run

_NOBODY = UUID(int=0)


def rehearse() -> None:
    """Begin a job that there is not, in a folder that is gone afterwards."""
    with suppress(OSError), tempfile.TemporaryDirectory(prefix="tunesmith-rehearsal-") as place:
        launch = Launch.model_validate_json(Launch(folder=Path(place)).model_dump_json())
        folder = JobFolder(launch.folder)
        folder.create(JobRequest(job_id=_NOBODY, action="train"))
        run = Run(folder, launch.secrets)
        run.report(Started(pid=0, host=socket.gethostname(), message="train has started"))
        thread = threading.Thread(target=run.uploads.pending)
        thread.start()
        thread.join()
