"""`tunesmith demo`: the whole service in two minutes, on real data, through the public API."""

from tunesmith.demo.main import run
from tunesmith.demo.settings import Recipe

__all__ = ["Recipe", "run"]
