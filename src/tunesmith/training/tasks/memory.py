"""How much of a dataset may be held in memory."""

from pathlib import Path

MEMORY_LIMIT = 1 << 30
_SHARE_OF_FREE = 0.25


def fits_in_memory(size: int) -> bool:
    """Whether so many bytes may be held: under a gibibyte, and a quarter of what is free."""
    return size <= min(MEMORY_LIMIT, _SHARE_OF_FREE * _free_memory())


def _free_memory() -> int:
    """What new data may take without swapping; where the system does not tell, there is enough."""
    try:
        lines = Path("/proc/meminfo").read_text(encoding="ascii").splitlines()
    except OSError:
        return 4 * MEMORY_LIMIT
    return next((int(line.split()[1]) << 10 for line in lines if line.startswith("MemAvailable:")), 0)
