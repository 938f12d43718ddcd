"""Deformable DETR on transformers' modules."""

import re
from collections.abc import Mapping, Sequence
from copy import deepcopy
from typing import Any

import torch
from torch import Tensor, nn
from transformers import DeformableDetrForObjectDetection
from transformers.models.deformable_detr.modeling_deformable_detr import DeformableDetrDecoder

from tunesmith.networks.deformable import settings_of
from tunesmith.networks.deformable_detr.spec import DeformableDetrSpec, Model
from tunesmith.networks.detection import DetectorSettings
from tunesmith.networks.layers.checkpointing import checkpoint_layers
from tunesmith.networks.layers.deformable import ImageEncoder, Shape, build_losses
from tunesmith.networks.layers.detector import Criterion, Detector, Predictions, Target
from tunesmith.networks.layers.heads import box_head, class_head
from tunesmith.networks.layers.memory import Memory
from tunesmith.networks.layers.places import logit
from tunesmith.networks.layers.set_losses import SetLosses, criterion_of, layer_inputs
from tunesmith.networks.published import renamed

__all__ = ["build", "checkpoint_filter_fn", "criterion", "settings"]

_TEMPERATURE = 10000  # of the position encoding
_SMALL = -2.0  # logit of the sides that boxes begin with


class DeformableDetr(Detector):
    """Deformable DETR.

    Attributes:
        image: backbone and encoder.
        decoder: transformers'; it refines boxes from layer to layer if it has heads of boxes.
    """

    head_names = ("class_embed.",)

    def __init__(
        self, image: ImageEncoder, decoder: Any, classes: int, model: Model, losses: SetLosses
    ) -> None:
        super().__init__()
        width, layers = model.hidden_dim, model.dec_layers
        self.image, self.decoder = image, decoder
        self.query_position_embeddings = nn.Embedding(model.num_queries, 2 * width)
        self.reference_points = nn.Linear(width, 2)
        nn.init.xavier_uniform_(self.reference_points.weight)
        nn.init.zeros_(self.reference_points.bias)
        if model.with_box_refine:
            self.class_embed = nn.ModuleList(class_head(width, classes) for _ in range(layers))
            sides = [_SMALL] + [0.0] * (layers - 1)
            decoder.bbox_embed = nn.ModuleList(box_head(width, side) for side in sides)
        else:
            self.class_embed = nn.ModuleList([class_head(width, classes)])
            self.bbox_embed = box_head(width, _SMALL)
        self._criterion = [losses]  # a list: it holds no weights of the model
        self._auxiliary = model.aux_loss

    def forward(self, images: Tensor) -> Predictions:
        """Images (batch, 3, height, width) to predictions. What is 0 right and below fills images up."""
        memory = self.image(images)
        logits, boxes = self._decode(memory)
        return Predictions(logits[:, -1], memory.of_input(boxes[:, -1]))

    def losses(self, images: Tensor, targets: Sequence[Target]) -> dict[str, Tensor]:
        """The losses of each layer."""
        memory = self.image(images)
        logits, boxes = self._decode(memory)
        whole = layer_inputs(logits, boxes, None, auxiliary=self._auxiliary)
        losses: dict[str, Tensor] = self._criterion[0](whole, memory.of_image(targets))
        return losses

    def part(self, name: str) -> nn.Module:
        """The whole or the backbone."""
        return self.image.backbone.maps.net if name == "backbone" else self

    def _decode(self, memory: Memory) -> tuple[Tensor, Tensor]:
        """Logits and boxes of each layer: (batch, layers, candidates, ...); boxes in shares of the image."""
        batch = memory.features.shape[0]
        queries = self.query_position_embeddings.weight.expand(batch, -1, -1)
        position, content = queries.chunk(2, dim=-1)
        first = self.reference_points(position).sigmoid()
        found = self.decoder(
            inputs_embeds=content,
            object_queries_position_embeddings=position,
            reference_points=first,
            valid_ratios=memory.ratios,
            **memory.attended(),
        )
        hidden = found.intermediate_hidden_states
        before = [first, *found.intermediate_reference_points.unbind(1)[:-1]]
        logits, boxes = [], []
        for layer, reference in enumerate(before):
            features = hidden[:, layer]
            logits.append(self._head(self.class_embed, layer)(features))
            boxes.append(_moved(self._head(self.decoder.bbox_embed, layer)(features), reference).sigmoid())
        return torch.stack(logits, dim=1), torch.stack(boxes, dim=1)

    def _head(self, heads: nn.ModuleList | None, layer: int) -> nn.Module:
        if heads is None:
            return self.bbox_embed
        return heads[layer if len(heads) > 1 else 0]


def build(
    spec: DeformableDetrSpec,
    num_classes: int,
    *,
    pretrained: bool = False,
    size: tuple[int, int] | None = None,
) -> DeformableDetr:
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
    shape = Shape.of(model, (_TEMPERATURE, _TEMPERATURE))
    image = ImageEncoder(shape, size or settings(spec).inputs.size, pretrained=pretrained)
    decoder: Any = DeformableDetrDecoder(shape.configuration())
    if spec.train.activation_checkpoint:
        image.save_memory()
        checkpoint_layers(decoder.layers)
    return DeformableDetr(image, decoder, num_classes, model, build_losses(model, num_classes))


def settings(spec: DeformableDetrSpec) -> DetectorSettings:
    """What the detection task asks of the spec.

    Raises:
        SpecError: with all that cannot be used.
    """
    return settings_of(spec, "Deformable DETR")


def criterion(spec: DeformableDetrSpec, num_classes: int) -> Criterion:
    """The losses of one layer's predictions."""
    return criterion_of(build_losses(spec.model, num_classes))


def checkpoint_filter_fn(weights: Mapping[str, Tensor], model: DeformableDetr) -> dict[str, Tensor]:
    """Published weights under this model's names: of the whole detector, or of its backbone alone."""
    if not any("input_proj" in name for name in weights):
        return model.image.named_backbone(weights)
    config: Any = deepcopy(model.decoder.config)
    config.num_labels = model.class_embed[0].out_features
    config.num_queries = model.query_position_embeddings.num_embeddings
    config.with_box_refine = model.decoder.bbox_embed is not None
    config.backbone_config.backbone = model.image.backbone.maps.architecture
    shell = DeformableDetrForObjectDetection(config)
    # Frozen batch normalisation counts no batches.
    constant = {
        name: value for name, value in model.state_dict().items() if name.endswith("num_batches_tracked")
    }
    found = {_own_name(name): value for name, value in renamed(shell, weights).items()}
    return constant | _heads(found, refined=config.with_box_refine)


def _own_name(name: str) -> str:
    name = name.removeprefix("model.").replace("backbone.model.", "backbone.maps.net.")
    inner = ("backbone.", "encoder.", "input_proj.", "level_embed")
    return f"image.{name}" if name.startswith(inner) else name


def _heads(found: dict[str, Tensor], *, refined: bool) -> dict[str, Tensor]:
    """Without heads that the library has twice: in the decoder too, or for each layer that shares them."""
    if refined:
        return {name: value for name, value in found.items() if not name.startswith("bbox_embed.")}
    first = {name.replace("bbox_embed.0.", "bbox_embed."): value for name, value in found.items()}
    other = re.compile(r"(bbox|class)_embed\.[1-9]")
    return {name: value for name, value in first.items() if not other.match(name)}


def _moved(delta: Tensor, reference: Tensor) -> Tensor:
    """Logits of boxes that begin at points (batch, candidates, 2) or boxes (batch, candidates, 4)."""
    if reference.shape[-1] == delta.shape[-1]:
        return delta + logit(reference)
    return torch.cat([delta[..., :2] + logit(reference), delta[..., 2:]], dim=-1)
