"""Tells a lack of memory from other errors: each part of torch says it in its own way."""

_PHRASES = (
    "not enough memory",
    "can't allocate memory",
    "is killed by signal",
    "exited unexpectedly",
    "insufficient shared",
)


def is_out_of_memory(error: BaseException) -> bool:
    """Whether memory ran out, on the device, in this process or in one that loads data."""
    if isinstance(error, MemoryError) or type(error).__name__ == "OutOfMemoryError":
        return True
    text = str(error).lower()
    return isinstance(error, RuntimeError) and any(phrase in text for phrase in _PHRASES)
