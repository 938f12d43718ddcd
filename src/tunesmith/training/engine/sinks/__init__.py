"""Where else the curves of a training go: trackers that the user has an account at."""

from tunesmith.training.engine.sinks.base import Ending, Point, Sink
from tunesmith.training.engine.sinks.choice import sinks_for
from tunesmith.training.engine.sinks.several import Sinks

__all__ = ["Ending", "Point", "Sink", "Sinks", "sinks_for"]
