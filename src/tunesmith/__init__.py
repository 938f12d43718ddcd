"""tunesmith: train, adapt and optimise vision models behind the TAO API v1."""

from importlib.metadata import version

__version__ = version("tunesmith")
