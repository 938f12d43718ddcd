"""How an action says that its job cannot go on, and what other errors mean for the user."""

from tunesmith.data.errors import DatasetError
from tunesmith.protocol import DISK_FULL, Cause, Failed
from tunesmith.specs import SpecError
from tunesmith.storage.errors import StorageError

MORE_ROOM = (
    "Free some room on the server's disk, or let the operator move TUNESMITH_DATA_DIR to a larger one."
)
"""What to do about a full disk."""
LOST = 75
"""Exit code (EX_TEMPFAIL) of a process that leaves without saying how the job ends: the job can go on."""


class JobError(Exception):
    """The job cannot go on.

    Args:
        cause: the kind of thing that went wrong.
        message: a sentence that names the thing and the rule it broke.
        advice: what to try; the cause's own advice when empty.
    """

    def __init__(self, cause: Cause, message: str, advice: str = "") -> None:
        self.cause = cause
        self.advice = advice or cause.advice
        super().__init__(message)


class StoppedError(Exception):
    """The job was asked to stop, and its state is safe. Not a failure."""


def failure_of(error: BaseException) -> Failed:
    """The event that reports an error, with its cause and what to try."""
    match error:
        case JobError():
            return Failed(cause=error.cause, message=str(error), advice=error.advice)
        case DatasetError():
            return _failed(Cause.BAD_DATA, str(error))
        case SpecError():
            return _failed(Cause.BAD_SPEC, str(error))
        case StorageError():
            return _failed(Cause.STORAGE, str(error))
        case MemoryError():
            return _failed(Cause.OUT_OF_MEMORY, str(error) or "The machine's memory ran out.")
        case ModuleNotFoundError() if not (error.name or "").startswith("tunesmith"):
            return Failed(
                cause=Cause.INTERNAL,
                message=f"The package {error.name} is not installed.",
                advice="Install tunesmith with training on the server: pip install 'tunesmith[train]'.",
            )
        # torch's own class, told by name: this module must load without torch.
        case RuntimeError() if type(error).__name__ == "OutOfMemoryError":
            return _failed(Cause.OUT_OF_MEMORY, str(error).split("\n", maxsplit=1)[0])
        case OSError() if error.errno in DISK_FULL:
            place = error.filename or "the job's folder"
            return Failed(cause=Cause.STORAGE, message=f"{error.strerror}: {place}.", advice=MORE_ROOM)
        case OSError() if error.errno is not None:
            return _failed(Cause.STORAGE, f"{error.strerror}: {error.filename or 'a file of the job'}.")
        case _:
            return _failed(Cause.INTERNAL, f"{type(error).__name__}: {error}")


def _failed(cause: Cause, message: str) -> Failed:
    return Failed(cause=cause, message=message, advice=cause.advice)
