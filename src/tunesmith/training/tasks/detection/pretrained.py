"""The weights that a detector begins with."""

import re

from torch import nn

from tunesmith.networks.detection import DetectorSettings
from tunesmith.networks.layers.detector import Detector
from tunesmith.training.base_models import weights_of
from tunesmith.training.engine.weights import load_weights, workspace_file
from tunesmith.training.run import Run


def fill_in(run: Run, detector: Detector, settings: DetectorSettings, classes: int) -> None:
    """Fill in the base experiments' weights, then those that the spec names; notes say what fitted.

    Raises:
        JobError: a file is not there, or nothing in it fits.
        StoppedError: asked to stop meanwhile.
        StorageError: the workspace cannot be reached.
    """
    for note in settings.notes:
        run.note(f"{note} Published weights of it do not fit.")
    for base in run.request.base_models:
        file = weights_of(run, base)
        fitted = load_weights(detector, file, f"base_experiment {base.name}", detector.head_names)
        run.note(f"{fitted} The heads of {classes} classes begin anew.")
    for path, (key, name) in settings.files.items():
        if key:
            file, part = workspace_file(run, key, path), detector.part(name)
            run.note(load_weights(part, file, path, _skipped(detector, part, settings.skipped)))


def _skipped(detector: Detector, part: nn.Module, pattern: str) -> tuple[str, ...]:
    """The names of weights that stay as they are."""
    if not pattern:
        return ()
    return tuple(name for name in part.state_dict() if re.search(pattern, detector.published_name(name)))
