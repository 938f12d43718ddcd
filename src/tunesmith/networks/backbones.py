"""The names of image backbones: those of the API, and those of timm.

timm itself needs torch, so its catalogue is kept here as data; a test holds it against the installed timm.
"""

from functools import cache
from importlib.resources import files

TIMM_PREFIX = "timm/"
"""Takes a name that is newer than the list below."""


@cache
def timm_names() -> frozenset[str]:
    """Every model name that timm can build."""
    listed = files("tunesmith.networks").joinpath("timm_models.txt").read_text(encoding="utf-8")
    return frozenset(listed.split())
