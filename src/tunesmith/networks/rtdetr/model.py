"""RT-DETR on transformers' modules: its second version computes what the first does, with the same weights."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, cast

import torch
from torch import Tensor, nn
from transformers import RTDetrResNetConfig, RTDetrV2Config, RTDetrV2Model
from transformers.activations import ACT2CLS
from transformers.loss.loss_rt_detr import RTDetrLoss
from transformers.models.rt_detr.modeling_rt_detr_resnet import RTDetrResNetBackbone
from transformers.models.rt_detr_v2.modeling_rt_detr_v2 import (
    RTDetrV2MLPPredictionHead,
    RTDetrV2RepVggBlock,
)

from tunesmith.networks.layers.checkpointing import checkpoint_layers
from tunesmith.networks.layers.detector import Criterion, Detector, Predictions, Target
from tunesmith.networks.layers.pyramid import Pyramid, build_pyramid, freeze_norms, require_stages
from tunesmith.networks.rtdetr.adapter import settings
from tunesmith.networks.rtdetr.foundation import Foundation
from tunesmith.networks.rtdetr.spec import Model, RtdetrSpec
from tunesmith.specs import SpecError, SpecProblem

__all__ = ["build", "checkpoint_filter_fn", "criterion", "settings"]

_CLASSES = {"vfl", "focal", "bce"}
_RESNETS: dict[str, tuple[str, list[int], list[int]]] = {
    "resnet_18": ("basic", [2, 2, 2, 2], [64, 128, 256, 512]),
    "resnet_34": ("basic", [3, 4, 6, 3], [64, 128, 256, 512]),
    "resnet_50": ("bottleneck", [3, 4, 6, 3], [256, 512, 1024, 2048]),
    "resnet_101": ("bottleneck", [3, 4, 23, 3], [256, 512, 1024, 2048]),
}
"""ResNet-D, the backbones that RT-DETR is published with: kind of layer, depths, widths."""

Maps = list[tuple[Tensor, Tensor | None]]


class Backbone(nn.Module):
    """Gives transformers the maps of a backbone, in the shape it wants.

    Attributes:
        model: the backbone.
        frozen: it does not learn. Its batch normalisation may be frozen alone.
    """

    def __init__(self, model: nn.Module, channels: Sequence[int], strides: Sequence[int]) -> None:
        super().__init__()
        self.model = model
        self.channels, self.strides = tuple(channels), tuple(strides)
        self.frozen = self.frozen_norms = False

    @property
    def inner(self) -> nn.Module:
        """What published weights of the backbone are for."""
        return self.model.maps.net if isinstance(self.model, Pyramid) else self.model

    def forward(self, images: Tensor, mask: Tensor | None = None) -> Maps:  # noqa: ARG002 - nothing is padded
        """The maps, without masks."""
        maps = self.model(images)
        return [(one, None) for one in getattr(maps, "feature_maps", maps)]

    def train(self, mode: bool = True) -> "Backbone":
        """What is frozen stays in evaluation mode: its statistics must not move either."""
        super().train(mode)
        if self.frozen:
            self.model.eval()
            self.requires_grad_(False)
        elif self.frozen_norms:
            freeze_norms(self.model)
        return self


class RtDetr(Detector):
    """RT-DETR.

    Attributes:
        net: transformers' model, with a head for each layer of the decoder.
        foundation: features beside the backbone's, where they are asked for.
    """

    head_names = ("net.decoder.class_embed.", "net.enc_score_head.", "net.denoising_class_embed.")

    def __init__(self, net: Any, criterion: RTDetrLoss, layer: int, foundation: Foundation | None) -> None:
        super().__init__()
        self.net, self.foundation = net, foundation
        self._criterion = [criterion]  # a list: it holds no weights of the model
        self._layer = layer

    def forward(self, images: Tensor) -> Predictions:
        """Images (batch, 3, height, width), sides multiples of 32, to predictions."""
        found = self._run(images, None)
        return Predictions(
            found.intermediate_logits[:, self._layer], found.intermediate_reference_points[:, self._layer]
        )

    def losses(self, images: Tensor, targets: Sequence[Target]) -> dict[str, Tensor]:
        """The losses of each layer, of the encoder's proposals, and of the boxes restored from noise."""
        found = self._run(images, list(targets))
        whole = _loss_inputs(found, auxiliary=self.net.config.auxiliary_loss)
        losses: dict[str, Tensor] = self._criterion[0](whole, list(targets))
        # Distributed training wants every weight in every step, also if no box is there to add noise to.
        if found.denoising_meta_values is None and self.net.config.num_denoising > 0:
            losses["loss_none"] = 0.0 * self.net.denoising_class_embed.weight.sum()
        return losses

    def part(self, name: str) -> nn.Module:
        """The whole, the backbone or the foundation model."""
        if name == "foundation" and self.foundation:
            return self.foundation.net
        backbone = cast("Backbone", self.net.backbone)
        return backbone.inner if name == "backbone" else self

    def _run(self, images: Tensor, labels: list[Target] | None) -> Any:
        if self.foundation is None:
            return self.net(images, labels=labels)
        maps = [
            project(one)
            for project, (one, _) in zip(self.net.encoder_input_proj, self.net.backbone(images), strict=True)
        ]
        return self.net(images, inputs_embeds=self.foundation(images, maps), labels=labels)


def build(
    spec: RtdetrSpec, num_classes: int, *, pretrained: bool = False, size: tuple[int, int] | None = None
) -> RtDetr:
    """The model with random weights.

    Args:
        spec: of the network.
        num_classes: the number of classes.
        pretrained: the backbone is to be filled with trained weights: its batch normalisation then stays.
        size: height and width of the images in pixels; the spec's by default.

    Raises:
        SpecError: it cannot be built; the message names the key.
    """
    model, given = spec.model, spec.dataset.augmentation.eval_spatial_size
    backbone = _backbone(model, size or (given[0], given[1]))
    backbone.frozen = not model.train_backbone
    backbone.frozen_norms = pretrained
    config = _config(spec, num_classes, backbone)
    net: Any = RTDetrV2Model(config)
    net.backbone = backbone
    width = config.encoder_hidden_dim
    net.encoder_input_proj = nn.ModuleList(
        nn.Sequential(nn.Conv2d(channels, width, 1, bias=False), nn.BatchNorm2d(width))
        for channels in backbone.channels
    )
    _add_heads(net)
    _deepen(net, model.depth_mult)
    for part in net.modules():
        if isinstance(part, nn.BatchNorm2d):
            part.reset_parameters()  # transformers begins with weights next to zero, made for trained ones
    if spec.train.activation_checkpoint:
        checkpoint_layers([*net.encoder.aifi, *net.decoder.layers])
    fm = model.frozen_fm
    foundation = Foundation(fm.backbone, config.encoder_hidden_dim, backbone.strides) if fm.enabled else None
    return RtDetr(net, _criterion(spec, num_classes), model.eval_idx, foundation)


def checkpoint_filter_fn(weights: Mapping[str, Tensor], _: nn.Module) -> dict[str, Tensor]:
    """Published weights under this model's names: files of transformers have the heads beside the decoder."""
    found = {}
    for name, value in weights.items():
        plain = name.removeprefix("model.")
        inner = f"decoder.{plain}" if plain.startswith(("class_embed.", "bbox_embed.")) else plain
        found[f"net.{inner}"] = value
    return found


def criterion(spec: RtdetrSpec, num_classes: int) -> Criterion:
    """The losses of one layer's predictions."""
    whole = _criterion(spec, num_classes)

    def of(found: Predictions, targets: Sequence[Target]) -> Mapping[str, Tensor]:
        losses: Mapping[str, Tensor] = whole(
            {"logits": found.logits, "pred_boxes": found.boxes}, list(targets)
        )
        return losses

    return of


def _criterion(spec: RtdetrSpec, num_classes: int) -> RTDetrLoss:
    model = spec.model
    wrong = [one for one in model.loss_types if one not in _CLASSES | {"boxes"}]
    if wrong or "boxes" not in model.loss_types or not _CLASSES.intersection(model.loss_types):
        rule = "must hold boxes and at least one of vfl, focal and bce"
        raise SpecError([SpecProblem("model.loss_types", rule, model.loss_types)])
    config = _rtdetr_config(num_labels=num_classes, **_loss_keys(model))
    try:
        found = RTDetrLoss(config)  # type: ignore[no-untyped-call]
    except ValueError as error:
        rule = "and the other costs must not all be 0"
        raise SpecError([SpecProblem("model.class_cost", rule, 0)]) from error
    found.losses = list(model.loss_types)
    found.weight_dict |= {f"loss_{name}": model.vfl_loss_coef for name in _CLASSES}
    return found


def _loss_keys(model: Model) -> dict[str, Any]:
    return {
        "matcher_class_cost": model.class_cost,
        "matcher_bbox_cost": model.bbox_cost,
        "matcher_giou_cost": model.giou_cost,
        "weight_loss_vfl": model.vfl_loss_coef,
        "weight_loss_bbox": model.bbox_loss_coef,
        "weight_loss_giou": model.giou_loss_coef,
        "focal_loss_alpha": model.alpha,
        "focal_loss_gamma": model.gamma,
    }


def _config(spec: RtdetrSpec, num_classes: int, backbone: Backbone) -> RTDetrV2Config:
    model = spec.model
    if problems := list(_problems(model, backbone)):
        raise SpecError(problems)
    width = _encoder_width(model)
    return _rtdetr_config(
        num_labels=num_classes,
        # A small one, which the real one replaces.
        backbone_config=_resnet_config(
            embedding_size=8, hidden_sizes=[8], depths=[1], layer_type="basic", out_features=["stage1"]
        ),
        freeze_backbone_batch_norms=False,
        encoder_hidden_dim=width,
        encoder_in_channels=list(backbone.channels),
        feat_strides=list(backbone.strides),
        encoder_layers=model.enc_layers,
        encoder_ffn_dim=model.dim_feedforward,
        encoder_attention_heads=model.nheads,
        dropout=model.dropout_ratio,
        encode_proj_layers=list(model.use_encoder_idx),
        positional_encoding_temperature=model.pe_temperature,
        encoder_activation_function=model.enc_act,
        activation_function=model.act,
        hidden_expansion=float(model.expansion),
        d_model=model.hidden_dim,
        num_queries=model.num_queries,
        decoder_in_channels=[width] * len(backbone.channels),
        decoder_ffn_dim=model.dim_feedforward,
        num_feature_levels=model.num_feature_levels,
        decoder_n_levels=model.num_feature_levels,
        decoder_layers=model.dec_layers,
        decoder_attention_heads=model.nheads,
        num_denoising=model.dn_number,
        auxiliary_loss=model.aux_loss,
        **_loss_keys(model),
    )


def _problems(model: Model, backbone: Backbone) -> Iterator[SpecProblem]:
    untouched, levels = Model(), len(backbone.channels)
    if model.feat_strides not in (untouched.feat_strides, list(backbone.strides)):
        rule = f"must be the strides of the stages, {list(backbone.strides)}, or left at its default"
        yield SpecProblem("model.feat_strides", rule, model.feat_strides)
    given = model.feat_channels
    if given != untouched.feat_channels and (len(given) != levels or len(set(given)) > 1):
        rule = f"must hold one width {levels} times, or be left at its default"
        yield SpecProblem("model.feat_channels", rule, given)
    if model.num_feature_levels < levels:
        rule = f"must be at least the number of stages, {levels}"
        yield SpecProblem("model.num_feature_levels", rule, model.num_feature_levels)
    if not all(0 <= one < levels for one in model.use_encoder_idx):
        rule = f"must hold places of the {levels} feature maps, from 0 to {levels - 1}"
        yield SpecProblem("model.use_encoder_idx", rule, model.use_encoder_idx)
    for key, width in (("hidden_dim", model.hidden_dim), ("feat_channels", _encoder_width(model))):
        if model.nheads < 1 or width % model.nheads or width % 4:
            rule = "must be a multiple of 4 and of model.nheads"
            yield SpecProblem(f"model.{key}", rule, width)
    if model.eval_idx >= model.dec_layers:
        rule = f"must be below model.dec_layers, {model.dec_layers}"
        yield SpecProblem("model.eval_idx", rule, model.eval_idx)
    known = sorted(ACT2CLS)
    for key, name in (("enc_act", model.enc_act), ("act", model.act)):
        if name not in known:
            yield SpecProblem(f"model.{key}", f"must be one of {', '.join(known)}", name)


def _encoder_width(model: Model) -> int:
    return model.hidden_dim if model.feat_channels == Model().feat_channels else model.feat_channels[0]


def _backbone(model: Model, size: tuple[int, int]) -> Backbone:
    stages = model.return_interm_indices
    if model.backbone not in _RESNETS:
        keys = ("model.backbone", "model.return_interm_indices")
        pyramid = build_pyramid(model.backbone, stages, size, keys)
        return Backbone(pyramid, pyramid.channels, pyramid.strides)
    require_stages(stages, "model.return_interm_indices")
    kind, depths, widths = _RESNETS[model.backbone]
    config = _resnet_config(
        layer_type=kind,
        depths=depths,
        hidden_sizes=widths,
        out_features=[f"stage{stage + 1}" for stage in stages],
        downsample_in_bottleneck=False,
    )
    net = cast("nn.Module", RTDetrResNetBackbone(config))
    return Backbone(net, [widths[stage] for stage in stages], [4 << stage for stage in stages])


def _add_heads(net: Any) -> None:
    """A head of classes and one of boxes for each layer of the decoder; they begin as transformers' do."""
    config = net.config
    bias = float(-torch.log(torch.tensor(float(config.num_labels))))
    classes, boxes = nn.ModuleList(), nn.ModuleList()
    for _ in range(config.decoder_layers):
        head = nn.Linear(config.d_model, config.num_labels)
        nn.init.xavier_uniform_(head.weight)
        nn.init.constant_(head.bias, bias)
        classes.append(head)
        corners: Any = RTDetrV2MLPPredictionHead(  # type: ignore[no-untyped-call]
            config.d_model, config.d_model, 4, num_layers=3
        )
        nn.init.zeros_(corners.layers[-1].weight)
        nn.init.zeros_(corners.layers[-1].bias)
        boxes.append(corners)
    net.decoder.class_embed, net.decoder.bbox_embed = classes, boxes
    nn.init.zeros_(net.enc_bbox_head.layers[-1].weight)
    nn.init.zeros_(net.enc_bbox_head.layers[-1].bias)


def _deepen(net: Any, times: int) -> None:
    """The fusion blocks have three convolutions in a row; some times as many are asked for."""
    for block in (*net.encoder.fpn_blocks, *net.encoder.pan_blocks):
        for _ in range(len(block.bottlenecks) * (times - 1)):
            block.bottlenecks.append(RTDetrV2RepVggBlock(net.config))


# transformers declares its configurations in a way that type checkers do not follow.
_rtdetr_config = cast("Callable[..., RTDetrV2Config]", RTDetrV2Config)
_resnet_config = cast("Callable[..., RTDetrResNetConfig]", RTDetrResNetConfig)


def _loss_inputs(found: Any, *, auxiliary: bool) -> dict[str, Any]:
    """What transformers' loss takes, of all layers at once."""
    logits, boxes = found.intermediate_logits, found.intermediate_reference_points
    meta = found.denoising_meta_values
    if meta:
        noisy_logits, logits = logits.split(meta["dn_num_split"], dim=2)
        noisy_boxes, boxes = boxes.split(meta["dn_num_split"], dim=2)
    whole: dict[str, Any] = {"logits": logits[:, -1], "pred_boxes": boxes[:, -1]}
    if auxiliary:
        inner = _pairs(logits[:, :-1].unbind(1), boxes[:, :-1].unbind(1))
        whole["auxiliary_outputs"] = [*inner, *_pairs([found.enc_topk_logits], [found.enc_topk_bboxes])]
    if meta and auxiliary:
        whole["dn_auxiliary_outputs"] = _pairs(noisy_logits.unbind(1), noisy_boxes.unbind(1))
        whole["denoising_meta_values"] = meta
    return whole


def _pairs(logits: Sequence[Tensor], boxes: Sequence[Tensor]) -> list[dict[str, Tensor]]:
    return [{"logits": one, "pred_boxes": other} for one, other in zip(logits, boxes, strict=True)]
