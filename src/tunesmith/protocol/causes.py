"""Why a job failed: a short list, so that people and programs can act on it."""

from enum import StrEnum


class Cause(StrEnum):
    """What kind of thing went wrong in a job."""

    BAD_DATA = "bad data"
    BAD_SPEC = "bad spec"
    OUT_OF_MEMORY = "out of memory"
    DIVERGED = "diverged"
    STORAGE = "storage"
    LOST_WORKER = "lost worker"
    PARENT = "parent"
    INTERNAL = "internal"

    @property
    def advice(self) -> str:
        """What to try first when nothing more specific is known."""
        return _ADVICE[self]


_ADVICE = {
    Cause.BAD_DATA: "Correct the files named above in the workspace, then pull the dataset again.",
    Cause.BAD_SPEC: "Change the spec keys named above and post the job again.",
    Cause.OUT_OF_MEMORY: "Lower the batch size or the image size, or free memory on this machine.",
    Cause.DIVERGED: "Lower the learning rate, or set train.clip_grad_norm to a smaller value.",
    Cause.STORAGE: "Check that the workspace is reachable and has room, then retry the job.",
    Cause.LOST_WORKER: "Retry the job. If it happens again, look for a lack of memory on this machine.",
    Cause.PARENT: "Correct and retry the parent job first.",
    Cause.INTERNAL: "Please report this with the job's log: it is a defect of tunesmith.",
}
