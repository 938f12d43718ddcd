"""The same models by the libraries that they come from: what one would train there by hand."""

from collections.abc import Callable
from copy import deepcopy
from dataclasses import dataclass
from typing import Any, cast

import timm
import torch
from torch import Tensor, nn
from torch.nn.functional import cross_entropy
from transformers import (
    DeformableDetrForObjectDetection,
    GroundingDinoForObjectDetection,
    Mask2FormerForUniversalSegmentation,
    RTDetrV2ForObjectDetection,
    SegformerConfig,
    SegformerForSemanticSegmentation,
    TimmBackboneConfig,
    ViTMAEConfig,
    ViTMAEForPreTraining,
)

from tunesmith.networks.layers.places import extent_of
from tunesmith.training.engine.training import Training
from tunesmith.training.tasks.base import Task

_ALIKE = 0.02
_BEGIN, _END, _STOP, _FIRST_WORD = 101, 102, 1012, 1013  # of BERT's vocabulary: transformers has them fixed

# transformers declares its configurations in a way that type checkers do not follow.
_mae_configuration = cast("Callable[..., Any]", ViTMAEConfig)
_segformer_configuration = cast("Callable[..., Any]", SegformerConfig)
_timm_configuration = cast("Callable[..., Any]", TimmBackboneConfig)


@dataclass(frozen=True)
class Peer:
    """The same model by its library.

    Attributes:
        library: whose loop it is.
        module: the model.
        prepare: one of our batches as the model takes it; done once for each.
        loss: of what was prepared.
    """

    library: str
    module: nn.Module
    prepare: Callable[[Any], Any]
    loss: Callable[[Any], Tensor]


def peer_of(task: Task[Any], training: Training[Any]) -> Peer:
    """The peer of a network; where no library has its model, the same module in a bare loop.

    Args:
        task: of our training.
        training: it; its model is not changed.

    Raises:
        ValueError: the peer's model is of another size.
    """
    build = _PEERS.get(task.network.arch, _bare)
    peer = build(task, training)
    ours, theirs = (_learning(one) for one in (training, peer.module))
    if abs(theirs - ours) > _ALIKE * ours:
        raise ValueError(f"{task.network.arch}: {ours} weights learn here, {theirs} by {peer.library}")
    return peer


def _learning(module: nn.Module) -> int:
    return sum(weight.numel() for weight in module.parameters() if weight.requires_grad)


def _bare(_: Task[Any], training: Training[Any]) -> Peer:
    module = deepcopy(training)
    return Peer("torch", module, lambda batch: batch, lambda batch: module(batch)["loss"])


def _classifier(task: Task[Any], training: Training[Any]) -> Peer:
    ours: Any = training.model
    name = ours.net.pretrained_cfg["architecture"]
    module = timm.create_model(name, num_classes=len(task.classes))
    return Peer(
        "timm",
        module,
        lambda batch: (batch.images, batch.labels),
        lambda given: cross_entropy(module(given[0]), given[1]),
    )


def _transformers(module: Any, prepare: Callable[[Any], dict[str, Any]]) -> Peer:
    return Peer("transformers", module, prepare, lambda given: module(**given).loss)


def _rtdetr(_: Task[Any], training: Training[Any]) -> Peer:
    net: Any = training.model.net
    config = deepcopy(net.config)
    config.backbone_config = _pyramid(net.backbone.model)
    return _transformers(
        RTDetrV2ForObjectDetection(config),
        lambda batch: {"pixel_values": batch.images, "labels": batch.targets()},
    )


def _deformable_detr(task: Task[Any], training: Training[Any]) -> Peer:
    model: Any = training.model
    config, spec = deepcopy(model.decoder.config), task.spec
    config.num_labels = len(task.classes)
    config.num_queries = spec.value("model.num_queries")
    config.with_box_refine = spec.value("model.with_box_refine")
    config.auxiliary_loss = spec.value("model.aux_loss")
    config.backbone_config = _pyramid(model.image.backbone)
    return _transformers(DeformableDetrForObjectDetection(config), _masked)


def _grounding_dino(task: Task[Any], training: Training[Any]) -> Peer:
    model: Any = training.model
    config = deepcopy(model.config)
    config.auxiliary_loss = task.spec.value("model.aux_loss")
    config.backbone_config = _pyramid(model.backbone)
    # The learnt classes, a word each, as the published tokenizer numbers what ends texts and phrases.
    ids = [_BEGIN]
    for place in range(len(task.classes)):
        ids += [_FIRST_WORD + place, _STOP]
    text = torch.tensor([[*ids, _END]])
    config.text_config.vocab_size = _FIRST_WORD + len(task.classes)

    def prepare(batch: Any) -> dict[str, Any]:
        return _masked(batch) | {"input_ids": text.expand(len(batch.images), -1)}

    return _transformers(GroundingDinoForObjectDetection(config), prepare)


def _mask2former(_: Task[Any], training: Training[Any]) -> Peer:
    net: Any = training.model.net
    config = deepcopy(net.config)
    config.backbone_config = _pyramid(net.model.pixel_level_module.encoder.pyramid)

    def prepare(batch: Any) -> dict[str, Any]:
        targets = batch.targets()
        return {
            "pixel_values": batch.images,
            "mask_labels": [one["masks"].float() for one in targets],
            "class_labels": [one["class_labels"] for one in targets],
        }

    return _transformers(Mask2FormerForUniversalSegmentation(config), prepare)


def _segformer(task: Task[Any], training: Training[Any]) -> Peer:
    model: Any = training.model
    ours = model.maps.net.config
    config = _segformer_configuration(
        depths=ours.depths,
        hidden_sizes=ours.hidden_sizes,
        decoder_hidden_size=model.width,
        num_labels=len(task.classes),
    )
    return _transformers(
        SegformerForSemanticSegmentation(config),
        lambda batch: {"pixel_values": batch.images, "labels": batch.masks},
    )


def _mae(task: Task[Any], training: Training[Any]) -> Peer:
    model: Any = training.model
    net, block, deep = model.net, model.net.blocks[0], model.decoder.blocks
    config = _mae_configuration(
        image_size=task.example_input().shape[-1],
        patch_size=model.side,
        hidden_size=net.embed_dim,
        num_hidden_layers=len(net.blocks),
        num_attention_heads=block.attn.num_heads,
        intermediate_size=block.mlp.fc1.out_features,
        decoder_hidden_size=deep[0].attn.qkv.in_features,
        decoder_num_hidden_layers=len(deep),
        decoder_num_attention_heads=deep[0].attn.num_heads,
        decoder_intermediate_size=deep[0].mlp.fc1.out_features,
        mask_ratio=model.ratio,
        norm_pix_loss=task.spec.value("train.norm_pix_loss"),
    )
    return _transformers(ViTMAEForPreTraining(config), lambda batch: {"pixel_values": batch.images})


_PEERS: dict[str, Callable[[Task[Any], Training[Any]], Peer]] = {
    "classification_pyt": _classifier,
    "classification_tf2": _classifier,
    "deformable_detr": _deformable_detr,
    "grounding_dino": _grounding_dino,
    "mae": _mae,
    "mask2former": _mask2former,
    "rtdetr": _rtdetr,
    "segformer": _segformer,
}


def _pyramid(ours: Any) -> Any:
    """timm's backbone by transformers; it counts the stem as a stage."""
    name, stages = ours.maps.architecture, [stage + 1 for stage in ours.stages]
    return _timm_configuration(backbone=name, out_indices=stages)


def _masked(batch: Any) -> dict[str, Any]:
    """A batch of images that are filled up to one size, with what says where they end."""
    height, width = batch.images.shape[-2:]
    across, down = extent_of(batch.images).unbind(1)
    rows = torch.arange(height)[None] < (down * height).round()[:, None]
    columns = torch.arange(width)[None] < (across * width).round()[:, None]
    mask = (rows[:, :, None] & columns[:, None]).long()
    return {"pixel_values": batch.images, "pixel_mask": mask, "labels": batch.targets()}
