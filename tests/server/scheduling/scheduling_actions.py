"""Actions with known ways to end, forked in place of the real ones: what the scheduler must cope with."""

import os
import signal
import sys
import time
from typing import Any

from tunesmith.protocol import CheckpointSaved, Metrics, Progress
from tunesmith.protocol.causes import Cause
from tunesmith.training import actions
from tunesmith.training.failures import JobError
from tunesmith.training.run import Run


def act(run: Run) -> dict[str, Any]:
    match run.request.action:
        case "train":
            return _quick(run)
        case "evaluate":
            return _until_stopped(run)
        case "export":
            while True:  # deaf to every request to stop
                time.sleep(0.05)
        case "inference":
            print("about to be killed", flush=True)
            os.kill(os.getpid(), signal.SIGKILL)
        case "prune":
            raise JobError(Cause.BAD_DATA, "images_train.tar.gz holds no images.")
        case "retrain":
            raise ValueError("a defect")
        case "distill":
            return _fails_when_stopped(run)
        case "augment":
            return _talks(run)
        case "quantize":
            return {"gpus": os.environ["CUDA_VISIBLE_DEVICES"]}
        case "pull":
            return {"valid": False, "sentence": "classes.txt is missing.", "counts": {}, "findings": []}
    raise AssertionError(run.request.action)


def _quick(run: Run) -> dict[str, Any]:
    run.report(Progress(epoch=1, max_epoch=1, eta=0.0))
    run.report(Metrics(epoch=1, values={"val_acc_1": 0.5}))
    run.report(CheckpointSaved(epoch=1, file="model_latest.pth", best=True))
    return {"attempt": run.request.attempt}


def _until_stopped(run: Run) -> dict[str, Any]:
    """Ends well once a file says so; the second attempt finds it because the first one wrote it."""
    if run.request.attempt > 1:
        return {"attempt": run.request.attempt}
    run.report(Progress(epoch=1, max_epoch=2))
    while True:
        run.raise_if_stopped()
        time.sleep(0.01)


def _talks(run: Run) -> dict[str, Any]:
    """Writes what is no text, and goes on with it in the next attempt if it is stopped."""
    sys.stdout.buffer.write(b"caf\xe9 %d\n" % run.request.attempt * 100)
    run.report(Progress(epoch=1, max_epoch=2))
    while run.request.attempt == 1:
        run.raise_if_stopped()
        time.sleep(0.01)
    return {}


def _fails_when_stopped(run: Run) -> dict[str, Any]:
    run.report(Progress(epoch=1, max_epoch=2))
    while not run.stop_requested:
        time.sleep(0.01)
    raise JobError(Cause.STORAGE, "The checkpoint could not be written.")


actions.run_action = act
