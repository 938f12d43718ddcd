"""The spec of dino in the terms of the detection task."""

from dataclasses import replace

from tunesmith.networks.backbones import backbone_of
from tunesmith.networks.deformable import Rates, settings_of
from tunesmith.networks.detection import DetectorSettings, Distilling, own_parts
from tunesmith.networks.dino.spec import DinoSpec
from tunesmith.networks.features import depth_of

_BACKBONE = "backbone.maps.net."
_FIRST = ("patch_embed", "pos_embed", "cls_token", "reg_token")


def settings(spec: DinoSpec) -> DetectorSettings:
    """What the detection task asks of the spec.

    Raises:
        SpecError: with all that cannot be used.
    """
    return replace(
        settings_of(spec, "DINO", _rates(spec)),
        threshold=spec.train.conf_threshold,
        distilling=Distilling(
            kind=spec.distill.loss_type if spec.distill else Distilling.kind,
            weight=spec.model.distillation_loss_coef,
        ),
    )


def _rates(spec: DinoSpec) -> Rates:
    """The layers of a vision transformer, the slower the earlier (BEiT, Bao et al. 2022)."""
    optim, depth = spec.train.optim, depth_of(backbone_of(spec.model.backbone).timm_name)
    if not depth or not any(part in _BACKBONE for part in own_parts(spec.model.backbone_names)):
        return ()
    steps = [(f"{_BACKBONE}blocks.{layer}.", depth - layer) for layer in range(depth)]
    steps += [(f"{_BACKBONE}{name}", depth + 1) for name in _FIRST]
    return tuple(((part,), optim.lr_backbone * optim.layer_decay_rate**count) for part, count in steps)
