"""Mask2Former on transformers' modules (Cheng et al. 2022, arXiv 2112.01527)."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any, cast

import torch
from torch import Tensor, nn
from transformers import Mask2FormerConfig, Mask2FormerForUniversalSegmentation
from transformers.models.mask2former.modeling_mask2former import Mask2FormerPixelDecoder

from tunesmith.networks.layers.checkpointing import checkpoint_layers
from tunesmith.networks.layers.masker import Legend, Masker, MaskPredictions, MaskTarget
from tunesmith.networks.mask2former.adapter import settings
from tunesmith.networks.mask2former.backbone import TimmMaps, build_backbone, levels_of
from tunesmith.networks.mask2former.sections import PixelDecoder
from tunesmith.networks.mask2former.spec import Mask2FormerSpec
from tunesmith.networks.published import renamed
from tunesmith.specs import SpecError, SpecProblem

__all__ = ["build", "checkpoint_filter_fn", "settings"]

_GROUPS = 32  # of the normalisation in the pixel decoder
_NORMS: dict[str, Callable[[int], nn.Module]] = {
    "GN": lambda width: nn.GroupNorm(_GROUPS, width),
    "BN": nn.BatchNorm2d,
    "": lambda _width: nn.Identity(),
}
# transformers declares its configurations in a way that type checkers do not follow.
_configuration = cast("Callable[..., Any]", Mask2FormerConfig)


class Mask2Former(Masker):
    """Mask2Former.

    Attributes:
        net: transformers' model, without its losses.
        deep: whether each layer has losses of its own.
    """

    head_names = ("net.class_predictor.", "legend.")

    def __init__(self, net: Any, classes: int, *, deep: bool) -> None:
        super().__init__()
        self._losses = [net.criterion]  # a list: it holds no weights of the model
        self._weights: Mapping[str, float] = net.weight_dict
        del net.criterion
        self.net, self.deep = net, deep
        self.legend = Legend(classes)

    def forward(self, images: Tensor) -> MaskPredictions:
        """Normalised images (batch, 3, height, width) to predictions of a quarter of their size."""
        found = self.net(images)
        return MaskPredictions(found.class_queries_logits, found.masks_queries_logits)

    def losses(self, images: Tensor, targets: Sequence[MaskTarget]) -> dict[str, Tensor]:
        """The losses of the last layer, and of each layer before it."""
        found = self.net(images, output_auxiliary_logits=True)
        last = MaskPredictions(found.class_queries_logits, found.masks_queries_logits)
        earlier = [
            MaskPredictions(one["class_queries_logits"], one["masks_queries_logits"])
            for one in found.auxiliary_logits
        ]
        losses = self.criterion(last, targets)
        for place, one in enumerate(earlier if self.deep else ()):
            losses |= {f"{name}_{place}": value for name, value in self.criterion(one, targets).items()}
        return losses

    def criterion(self, found: MaskPredictions, targets: Sequence[MaskTarget]) -> dict[str, Tensor]:
        """loss_cross_entropy, loss_mask and loss_dice."""
        losses = self._losses[0].to(found.logits.device)
        masks = [target["masks"].float() for target in targets]
        with torch.autocast(found.logits.device.type, enabled=False):
            single: dict[str, Tensor] = losses(
                found.masks.float(),
                found.logits.float(),
                masks,
                [target["class_labels"] for target in targets],
            )
        return {name: value * self._weights[name] for name, value in single.items()}

    def part(self, name: str) -> nn.Module:
        """The whole, or the library's backbone."""
        encoder = self.net.model.pixel_level_module.encoder
        if name != "backbone":
            return self
        return cast("nn.Module", encoder.pyramid.maps.net if isinstance(encoder, TimmMaps) else encoder)


def build(spec: Mask2FormerSpec, num_classes: int, *, size: tuple[int, int] | None = None) -> Mask2Former:
    """The model with random weights.

    Args:
        spec: of the network.
        num_classes: the number of classes.
        size: height and width of the images in pixels; the training's by default.

    Raises:
        SpecError: it cannot be built; the message names the key.
    """
    _check(spec)
    head, levels = spec.model.sem_seg_head, levels_of(spec.model)
    height, width = spec.dataset.train.target_size or spec.dataset.augmentation.train_crop_size
    backbone: Any = build_backbone(spec, levels, size or (height, width))
    config = configuration(spec, num_classes, levels.strides)
    if not isinstance(backbone, TimmMaps):
        config.backbone_config = backbone.config
    net: Any = Mask2FormerForUniversalSegmentation(config)
    pixels = net.model.pixel_level_module
    pixels.encoder = backbone
    if isinstance(backbone, TimmMaps):
        pixels.decoder = Mask2FormerPixelDecoder(config, backbone.channels)
        pixels.decoder.apply(net._init_weights)  # noqa: SLF001 - how transformers' own models begin
    _normalise(pixels.decoder, head)
    net.model.transformer_module.decoder.layerdrop = 0.0  # a key of dropout drops activations, no layers
    if spec.train.activation_checkpoint:
        checkpoint_layers([*pixels.decoder.encoder.layers, *net.model.transformer_module.decoder.layers])
    return Mask2Former(net, num_classes, deep=spec.model.mask_former.deep_supervision)


def configuration(spec: Mask2FormerSpec, num_classes: int, strides: Sequence[int]) -> Any:
    """transformers' configuration; its backbone is a small one that is replaced."""
    head, decoder = spec.model.sem_seg_head, spec.model.mask_former
    config = _configuration(
        backbone_config={
            "model_type": "swin",
            "embed_dim": 8,
            "depths": [1, 1, 1, 1],
            "num_heads": [1, 1, 1, 1],
            "out_features": [f"stage{4 - len(strides) + place + 1}" for place in range(len(strides))],
        },
        feature_size=head.convs_dim,
        mask_feature_size=head.mask_dim,
        encoder_layers=head.transformer_enc_layers,
        common_stride=head.common_stride,
        feature_strides=list(strides),
        hidden_dim=decoder.hidden_dim,
        dim_feedforward=decoder.dim_feedforward,
        decoder_layers=decoder.dec_layers,
        num_attention_heads=decoder.nheads,
        num_queries=decoder.num_object_queries,
        dropout=decoder.dropout,
        pre_norm=decoder.pre_norm,
        class_weight=decoder.class_weight,
        mask_weight=decoder.mask_weight,
        dice_weight=decoder.dice_weight,
        no_object_weight=decoder.no_object_weight,
        train_num_points=decoder.train_num_points,
        oversample_ratio=decoder.oversample_ratio,
        importance_sample_ratio=decoder.importance_sample_ratio,
    )
    config.num_labels = num_classes
    return config


def checkpoint_filter_fn(weights: Mapping[str, Tensor], model: Mask2Former) -> dict[str, Tensor]:
    """Published weights under this model's names: releases of transformers name them in different ways."""
    own = model.legend.state_dict(prefix="legend.")
    shell = Mask2FormerForUniversalSegmentation(model.net.config)
    found = renamed(shell, weights)
    return own | {f"net.{name}": value for name, value in found.items() if not name.startswith("criterion.")}


def _normalise(decoder: nn.Module, head: PixelDecoder) -> None:
    """The normalisation of the maps that are finer than those the transformer sees."""
    if head.norm == "GN":
        return
    for name, part in decoder.named_children():
        if name.startswith(("adapter_", "layer_")) and isinstance(part, nn.Sequential):
            part[1] = _NORMS[head.norm](head.convs_dim)


def _check(spec: Mask2FormerSpec) -> None:
    head, decoder, path = spec.model.sem_seg_head, spec.model.mask_former, "model.mask_former"
    heads = f"a multiple of model.mask_former.nheads, {decoder.nheads}"
    rules: list[tuple[str, Any, str, bool]] = [
        ("model.sem_seg_head.norm", head.norm, "must be GN, BN or empty", head.norm in _NORMS),
        (f"{path}.nheads", decoder.nheads, "must be at least 1", decoder.nheads >= 1),
    ]
    if decoder.nheads >= 1:
        fits = head.convs_dim % _GROUPS == 0 and head.convs_dim % decoder.nheads == 0
        rule = f"must be a multiple of {_GROUPS}, and {heads}"
        rules.append(("model.sem_seg_head.convs_dim", head.convs_dim, rule, fits))
        fits = decoder.hidden_dim >= 1 and decoder.hidden_dim % (2 * decoder.nheads) == 0
        rules.append((f"{path}.hidden_dim", decoder.hidden_dim, f"must be even, and {heads}", fits))
    points, chosen = decoder.train_num_points, decoder.importance_sample_ratio
    rules += [
        (f"{path}.train_num_points", points, "must be at least 1", points >= 1),
        (
            f"{path}.oversample_ratio",
            decoder.oversample_ratio,
            "must be at least 1",
            decoder.oversample_ratio >= 1,
        ),
        (f"{path}.importance_sample_ratio", chosen, "must be from 0 to 1", 0 <= chosen <= 1),
        (
            f"{path}.class_weight",
            0.0,
            "must be above 0, as mask_weight or dice_weight may be",
            decoder.class_weight + decoder.mask_weight + decoder.dice_weight > 0,
        ),
    ]
    if problems := [SpecProblem(key, rule, value) for key, value, rule, right in rules if not right]:
        raise SpecError(problems)
