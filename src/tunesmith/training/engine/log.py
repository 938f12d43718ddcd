"""The job's log: what a person reads."""

from contextlib import suppress


def log(line: str) -> None:
    """Write one line to the log, at once. A log that cannot be written, as on a full disk, stops no job."""
    with suppress(OSError):
        print(line, flush=True)  # noqa: T201 - standard output is the job's log
