"""The command line over the public API."""

from tunesmith.client.commands.app import build
from tunesmith.client.commands.exits import ExitCode

__all__ = ["ExitCode", "build"]
