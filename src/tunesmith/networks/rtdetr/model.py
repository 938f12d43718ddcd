"""RT-DETR on transformers' modules: the second version, which takes weights of the first too."""

import math
from collections.abc import Callable, Mapping, Sequence
from typing import Any, cast

import torch
from torch import Tensor, nn
from transformers import RTDetrV2ForObjectDetection, RTDetrV2Model
from transformers.models.rt_detr_v2.modeling_rt_detr_v2 import (
    RTDetrV2MLPPredictionHead,
    RTDetrV2RepVggBlock,
)

from tunesmith.networks.layers.checkpointing import checkpoint_layers
from tunesmith.networks.layers.detector import Predictions, Seen, Target, Teachable
from tunesmith.networks.layers.set_losses import SetLosses, layer_inputs
from tunesmith.networks.published import renamed
from tunesmith.networks.rtdetr.adapter import settings
from tunesmith.networks.rtdetr.backbone import Backbone, build_backbone
from tunesmith.networks.rtdetr.configuration import configuration
from tunesmith.networks.rtdetr.foundation import Foundation
from tunesmith.networks.rtdetr.losses import build_losses, criterion
from tunesmith.networks.rtdetr.spec import RtdetrSpec

__all__ = ["build", "checkpoint_filter_fn", "criterion", "settings"]


class RtDetr(Teachable):
    """RT-DETR.

    Attributes:
        net: transformers' model, with a head for each layer of the decoder.
        foundation: features beside the backbone's, where they are asked for.
    """

    head_names = ("net.decoder.class_embed.", "net.enc_score_head.", "net.denoising_class_embed.")

    def __init__(self, net: Any, criterion: SetLosses, layer: int, foundation: Foundation | None) -> None:
        super().__init__()
        self.net, self.foundation = net, foundation
        self._criterion = [criterion]  # a list: it holds no weights of the model
        self._layer = layer

    def look(self, images: Tensor) -> Seen:
        """Images (batch, 3, height, width), sides multiples of 32, to predictions."""
        found = self._run(images, None)
        logits, boxes = found.intermediate_logits, found.intermediate_reference_points
        return _seen(found, Predictions(logits[:, self._layer], boxes[:, self._layer]))

    def losses(
        self,
        images: Tensor,
        targets: Sequence[Target],
        watch: Callable[[Seen], None] = lambda _: None,
    ) -> dict[str, Tensor]:
        """The losses of each layer, of the encoder's proposals, and of the boxes restored from noise."""
        found = self._run(images, list(targets))
        whole = layer_inputs(
            found.intermediate_logits,
            found.intermediate_reference_points,
            found.denoising_meta_values,
            auxiliary=self.net.config.auxiliary_loss,
            proposals=(found.enc_topk_logits, found.enc_topk_bboxes),
        )
        watch(_seen(found, Predictions(whole["logits"], whole["pred_boxes"])))
        losses: dict[str, Tensor] = self._criterion[0](whole, list(targets))
        # Distributed training wants every weight in every step, also if no box is there to add noise to.
        if found.denoising_meta_values is None and self.net.config.num_denoising > 0:
            losses["loss_none"] = 0.0 * self.net.denoising_class_embed.weight.sum()
        return losses

    @property
    def widths(self) -> tuple[int, ...]:
        """Of the encoder's maps."""
        return (self.net.config.encoder_hidden_dim,) * len(self.net.backbone.channels)

    @property
    def matcher(self) -> Any:
        """That of the losses."""
        return self._criterion[0].matcher

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
        return self.net(images, inputs_embeds=_Maps(self.foundation(images, maps)), labels=labels)


def _seen(found: Any, predictions: Predictions) -> Seen:
    return Seen(predictions, tuple(found.encoder_last_hidden_state), found.enc_outputs_class)


class _Maps(list[Tensor]):
    """transformers asks projected maps for size and device as if they were one tensor."""

    @property
    def shape(self) -> torch.Size:
        return self[0].shape

    @property
    def device(self) -> torch.device:
        return self[0].device


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
    backbone = build_backbone(model, size or (given[0], given[1]))
    backbone.frozen = not model.train_backbone
    backbone.frozen_norms = pretrained
    config = configuration(spec, num_classes, backbone)
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
    return RtDetr(net, build_losses(spec, num_classes), model.eval_idx, foundation)


def checkpoint_filter_fn(weights: Mapping[str, Tensor], model: RtDetr) -> dict[str, Tensor]:
    """Published weights under this model's names: releases of transformers name them in different ways."""
    shell = RTDetrV2ForObjectDetection(model.net.config)
    found = {
        f"net.{name.removeprefix('model.')}": value
        for name, value in renamed(shell, weights).items()
        if name.startswith("model.")
    }
    # Frozen batch normalisation counts no batches, and the first version has these points in its code.
    constant = ("num_batches_tracked", "n_points_scale")
    return {name: value for name, value in model.state_dict().items() if name.endswith(constant)} | found


def _add_heads(net: Any) -> None:
    """A head of classes and one of boxes for each layer of the decoder; they begin as transformers' do."""
    config = net.config
    bias = -math.log(config.num_labels)
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
