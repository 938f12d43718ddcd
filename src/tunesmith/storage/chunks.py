"""Bytes on their way, chunk by chunk."""

from collections.abc import Iterator


def part(chunks: Iterator[bytes], skip: int, count: int) -> Iterator[bytes]:
    """At most `count` bytes, behind the first `skip`. No chunk is asked for but those that are needed."""
    while count > 0 and (chunk := next(chunks, None)) is not None:
        wanted = chunk[skip : skip + count]
        skip = max(0, skip - len(chunk))
        if wanted:
            count -= len(wanted)
            yield wanted
