"""The example notebooks, as one archive."""

import io
import zipfile
from functools import cache
from pathlib import Path

_FOLDER = Path(__file__).parent / "notebooks"
_EARLIEST = (1980, 1, 1, 0, 0, 0)
"""The archive has no times of its own: the same notebooks give the same bytes."""


@cache
def archive() -> bytes:
    """A zip file with all notebooks in one folder."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as file:
        for path in sorted(_FOLDER.glob("*.ipynb")):
            entry = zipfile.ZipInfo(f"notebooks/{path.name}", _EARLIEST)
            entry.external_attr = 0o644 << 16
            entry.compress_type = zipfile.ZIP_DEFLATED
            file.writestr(entry, path.read_bytes())
    return buffer.getvalue()
