"""What a server and the workers on its machine say to each other: lines of text over Unix sockets.

A server connects to a fork server, hears `ready` when it has done its imports, and begins with one of

    launch STAMP JSON   start a worker with this `Launch`
    adopt STAMP JOB     take over the worker that runs this job
    end                 stop all workers, then yourself

Then it tells the worker

    keep STAMP          the server still holds the job
    stop                end: finish the step, write a checkpoint, report

and hears

    pid N               there is a worker; the number is its process and its process group
    refused WHY         there is none
    (an empty line)     there may be something new in the job's folder
    moved               another connection has taken the worker over
    exit CODE           the worker is gone; negative for a signal

A STAMP is `lease.clock()` when the line was written: a line that waited in a buffer is no sign of life.
"""

MAX_LINE_BYTES = 1 << 20
POKE = b"\n"


def encode(word: str, *rest: object) -> bytes:
    """A line."""
    return " ".join((word, *map(str, rest))).encode() + b"\n"


def stamped(at: float, word: str, *rest: object) -> bytes:
    """A line that says when it was written, or for when it holds."""
    return encode(word, f"{at:.6f}", *rest)


class Lines:
    """Puts lines together from what a socket delivers."""

    def __init__(self) -> None:
        self._partial = b""

    def feed(self, data: bytes) -> list[str]:
        """The lines that are whole now, without their ends.

        Raises:
            ValueError: a line is too long, or no text.
        """
        *whole, self._partial = (self._partial + data).split(b"\n")
        if len(self._partial) > MAX_LINE_BYTES:
            raise ValueError(f"a line of more than {MAX_LINE_BYTES} bytes")
        return [line.decode() for line in whole]
