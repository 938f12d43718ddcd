"""The spec of grounding_dino in the terms of the detection task."""

from tunesmith.networks.deformable import settings_of
from tunesmith.networks.detection import DetectorSettings
from tunesmith.networks.grounding_dino.spec import GroundingDinoSpec
from tunesmith.specs import SpecError, SpecProblem


def settings(spec: GroundingDinoSpec) -> DetectorSettings:
    """What the detection task asks of the spec.

    Raises:
        SpecError: with all that cannot be used.
    """
    optim = spec.train.optim
    if optim.lr_scheduler == "StepLR" and optim.lr_step_size < 1:
        raise SpecError([SpecProblem("train.optim.lr_step_size", "must be at least 1", optim.lr_step_size)])
    return settings_of(spec, "Grounding DINO")
