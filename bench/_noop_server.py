"""`tunesmith serve` with jobs that do nothing; its workers have all imports that real ones have."""

from functools import partial

from tunesmith.__main__ import main
from tunesmith.server.scheduling import scheduler
from tunesmith.server.scheduling.executors.choice import ground_of
from tunesmith.workers.local import COMPUTE_MODULES

_MODULES = (*COMPUTE_MODULES, "bench._noop")
setattr(scheduler, "ground_of", partial(ground_of, compute_modules=_MODULES))  # noqa: B010
main()
