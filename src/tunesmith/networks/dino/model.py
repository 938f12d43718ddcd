"""DINO on transformers' deformable layers: denoising, mixed query selection, looking forward twice."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any, cast

import torch
from torch import Tensor, nn

from tunesmith.networks.dino.adapter import settings
from tunesmith.networks.dino.decoder import Decoder
from tunesmith.networks.dino.noise import Noise, noise_of
from tunesmith.networks.dino.queries import Learnt, Proposed, Queries
from tunesmith.networks.dino.spec import DinoSpec, Model
from tunesmith.networks.layers.checkpointing import checkpoint_layers
from tunesmith.networks.layers.deformable import ImageEncoder, Shape, build_losses
from tunesmith.networks.layers.detector import Criterion, Predictions, Seen, Target, Teachable
from tunesmith.networks.layers.memory import Memory
from tunesmith.networks.layers.set_losses import SetLosses, criterion_of, layer_inputs

__all__ = ["build", "checkpoint_filter_fn", "criterion", "settings"]


class Dino(Teachable):
    """DINO.

    Attributes:
        image: backbone and encoder.
        queries: what the decoder begins with.
        decoder: queries to predictions.
        label_embed: what classes are known by where they are restored from noise, or looked at; the last one
            is none.
    """

    head_names = ("queries.class_embed.", "decoder.class_embed.", "label_embed.")

    def __init__(
        self, image: ImageEncoder, decoder: Decoder, classes: int, model: Model, losses: SetLosses
    ) -> None:
        super().__init__()
        self.image, self.decoder = image, decoder
        self.norm = nn.LayerNorm(model.hidden_dim) if model.pre_norm else nn.Identity()
        self.queries = Proposed(model, classes) if model.two_stage_type == "standard" else Learnt(model)
        known = model.use_dn or decoder.first == "ca_label"
        self.label_embed = nn.Embedding(classes + 1, model.hidden_dim) if known else None
        self._criterion = [losses]  # a list: it holds no weights of the model
        self._spec = model

    def look(self, images: Tensor) -> Seen:
        """Images (batch, 3, height, width) to predictions. What is 0 right and below fills images up."""
        memory = self._remember(images)
        queries = self.queries(memory)
        logits, boxes = self._decode(memory, queries, None)
        return _seen(memory, queries, logits[:, -1], boxes[:, -1])

    def losses(
        self,
        images: Tensor,
        targets: Sequence[Target],
        watch: Callable[[Seen], None] = lambda _: None,
    ) -> dict[str, Tensor]:
        """The losses of each layer, of the encoder's proposals, and of the boxes restored from noise."""
        memory = self._remember(images)
        queries, wanted = self.queries(memory), memory.of_image(targets)
        noise = None
        if self._spec.use_dn:
            labels = cast("nn.Embedding", self.label_embed)
            noise = noise_of(self._spec, wanted, labels, queries.content.shape[1])
        logits, boxes = self._decode(memory, queries, noise)
        facts = noise.facts if noise else None
        whole = layer_inputs(logits, boxes, facts, auxiliary=self._spec.aux_loss, always_restored=True)
        watch(_seen(memory, queries, whole["logits"], whole["pred_boxes"]))
        losses: dict[str, Tensor] = self._criterion[0](whole, wanted)
        if queries.proposals:
            losses |= self._proposed(queries.proposals, wanted)
        # Distributed training wants every weight in every step, also if no box is there to add noise to.
        if noise is None and self.label_embed is not None:
            losses["loss_none"] = 0.0 * self.label_embed.weight.sum()
        return losses

    @property
    def widths(self) -> tuple[int, ...]:
        """Of the encoder's maps."""
        return (self._spec.hidden_dim,) * self._spec.num_feature_levels

    @property
    def matcher(self) -> Any:
        """That of the losses."""
        return self._criterion[0].matcher

    def part(self, name: str) -> nn.Module:
        """The whole or the backbone."""
        return self.image.backbone.maps.net if name == "backbone" else self

    def _remember(self, images: Tensor) -> Memory:
        memory = cast("Memory", self.image(images))
        return replace(memory, features=self.norm(memory.features))

    def _decode(self, memory: Memory, queries: Queries, noise: Noise | None) -> tuple[Tensor, Tensor]:
        content, boxes = queries.content, queries.boxes
        if noise:
            content = torch.cat([noise.content, content], dim=1)
            boxes = torch.cat([noise.boxes, boxes], dim=1)
        labels = self.label_embed.weight if self.label_embed is not None else None
        found: tuple[Tensor, Tensor] = self.decoder(
            content, boxes, memory, noise.mask if noise else None, labels
        )
        return found

    def _proposed(self, found: Predictions, wanted: Sequence[Target]) -> dict[str, Tensor]:
        losses = criterion_of(self._criterion[0])(found, wanted)
        boxless = self._spec.no_interm_box_loss
        return {
            f"{name}_proposed": self._spec.interm_loss_coef * value
            for name, value in losses.items()
            if not boxless or name not in ("loss_bbox", "loss_giou")
        }


def _seen(memory: Memory, queries: Queries, logits: Tensor, boxes: Tensor) -> Seen:
    return Seen(Predictions(logits, memory.of_input(boxes)), memory.maps(), queries.places)


def build(
    spec: DinoSpec, num_classes: int, *, pretrained: bool = False, size: tuple[int, int] | None = None
) -> Dino:
    """The model with random weights.

    Args:
        spec: of the network.
        num_classes: the number of classes.
        pretrained: the backbone is to be filled with trained weights: its batch normalisation then stays.
        size: height and width of the images in pixels; the spec's by default.

    Raises:
        SpecError: it cannot be built; the message names the key.
    """
    model = spec.model
    shape = Shape.of(model, (model.pe_temperatureH, model.pe_temperatureW))
    image = ImageEncoder(shape, size or settings(spec).inputs.size, pretrained=pretrained)
    decoder = Decoder(shape.configuration(), num_classes, model.decoder_sa_type)
    if spec.train.activation_checkpoint:
        image.save_memory()
        checkpoint_layers(decoder.layers)
    return Dino(image, decoder, num_classes, model, build_losses(model, num_classes))


def criterion(spec: DinoSpec, num_classes: int) -> Criterion:
    """The losses of one layer's predictions."""
    return criterion_of(build_losses(spec.model, num_classes))


def checkpoint_filter_fn(weights: Mapping[str, Tensor], model: Dino) -> dict[str, Tensor]:
    """Published weights of a backbone under this model's names."""
    return model.image.named_backbone(weights)
