"""The job's log: what a person reads."""


def log(line: str) -> None:
    """Write one line to the log, at once."""
    print(line, flush=True)  # noqa: T201 - standard output is the job's log
