"""Jobs that do nothing for a while, in the place of the real ones: what is measured is all around them."""

import time
from typing import Any

from tunesmith.training import actions
from tunesmith.training.run import Run

SECONDS = 0.2


def act(run: Run) -> dict[str, Any]:
    """Occupy the slot."""
    time.sleep(SECONDS)
    return {"attempt": run.request.attempt}


actions.run_action = act
