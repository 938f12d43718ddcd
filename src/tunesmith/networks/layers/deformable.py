"""What detectors with deformable attention share (Zhu et al. 2021): images to the memory of an encoder."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any, Self, cast

import torch
from torch import Tensor, nn
from transformers import DeformableDetrConfig
from transformers.models.deformable_detr.modeling_deformable_detr import DeformableDetrEncoder

from tunesmith.networks.layers.checkpointing import checkpoint_layers
from tunesmith.networks.layers.memory import Memory
from tunesmith.networks.layers.places import Grid, extent_of
from tunesmith.networks.layers.pyramid import Pyramid, build_pyramid, freeze_norms
from tunesmith.networks.layers.set_losses import LossWeights, SetLosses, build_set_losses
from tunesmith.specs import SpecError, SpecProblem

_GROUPS = 32  # of the normalisation of projected maps
_LAST_STAGE = 3

# transformers declares its configurations in a way that type checkers do not follow.
_configuration = cast("Callable[..., DeformableDetrConfig]", DeformableDetrConfig)


@dataclass(frozen=True)
class Shape:
    """The shape of an encoder, by keys that the specs of these networks share.

    Attributes:
        backbone: its name.
        stages: of the backbone; 4 is a further one of half the size.
        levels: feature maps; those that lack are made of the last one.
        temperatures: of the position encoding, downwards and across.
        dilated: the last stage keeps the stride of the one before.
        trained: the backbone learns too.
    """

    backbone: str
    stages: tuple[int, ...]
    levels: int
    width: int
    heads: int
    encoder_layers: int
    decoder_layers: int
    feedforward: int
    encoder_points: int
    decoder_points: int
    dropout: float
    temperatures: tuple[int, int]
    dilated: bool
    trained: bool

    @classmethod
    def of(cls, model: Any, temperatures: tuple[int, int]) -> Self:
        """From the section `model` of a spec, with these temperatures."""
        return cls(
            backbone=model.backbone,
            stages=tuple(model.return_interm_indices),
            levels=model.num_feature_levels,
            width=model.hidden_dim,
            heads=model.nheads,
            encoder_layers=model.enc_layers,
            decoder_layers=model.dec_layers,
            feedforward=model.dim_feedforward,
            encoder_points=model.enc_n_points,
            decoder_points=model.dec_n_points,
            dropout=model.dropout_ratio,
            temperatures=temperatures,
            dilated=model.dilation,
            trained=model.train_backbone,
        )

    def configuration(self) -> DeformableDetrConfig:
        """For transformers' layers.

        Raises:
            SpecError: keys do not go with one another.
        """
        if self.heads < 1 or self.width % self.heads or self.width % _GROUPS:
            rule = f"must be a multiple of {_GROUPS} and of model.nheads"
            raise SpecError([SpecProblem("model.hidden_dim", rule, self.width)])
        return _configuration(
            d_model=self.width,
            encoder_layers=self.encoder_layers,
            decoder_layers=self.decoder_layers,
            encoder_attention_heads=self.heads,
            decoder_attention_heads=self.heads,
            encoder_ffn_dim=self.feedforward,
            decoder_ffn_dim=self.feedforward,
            encoder_n_points=self.encoder_points,
            decoder_n_points=self.decoder_points,
            num_feature_levels=self.levels,
            dropout=self.dropout,
            attention_dropout=self.dropout,
            activation_dropout=self.dropout,
        )


class ImageEncoder(nn.Module):
    """Backbone, projections and transformers' deformable encoder."""

    def __init__(self, shape: Shape, size: tuple[int, int], *, pretrained: bool) -> None:
        """Args:
        shape: of the encoder.
        size: height and width of the images in pixels.
        pretrained: the backbone is to be filled with trained weights: its batch normalisation stays.

        Raises:
            SpecError: it cannot be built.
        """
        super().__init__()
        config = shape.configuration()
        stages = [stage for stage in shape.stages if stage <= _LAST_STAGE]
        if len(shape.stages) > shape.levels:
            rule = f"must name at most model.num_feature_levels stages, {shape.levels}"
            raise SpecError([SpecProblem("model.return_interm_indices", rule, list(shape.stages))])
        self.backbone: Pyramid = build_pyramid(
            shape.backbone,
            stages,
            size,
            ("model.backbone", "model.return_interm_indices"),
            dilated=shape.dilated,
        )
        self._frozen, self._frozen_norms = not shape.trained, pretrained
        self._temperatures = shape.temperatures
        channels = self.backbone.channels
        projections = [_projection(one, shape.width, 1) for one in channels]
        more = [channels[-1]] + [shape.width] * shape.levels
        projections += [_projection(one, shape.width, 3) for one in more[: shape.levels - len(channels)]]
        self.input_proj = nn.ModuleList(projections)
        self.level_embed = nn.Parameter(torch.randn(shape.levels, shape.width))
        self.encoder = DeformableDetrEncoder(config)

    def forward(self, images: Tensor) -> Memory:
        """Normalised images (batch, 3, height, width). What is 0 throughout right and below fills them up."""
        extent = extent_of(images)
        maps = self._maps(images)
        shapes = [(one.shape[-2], one.shape[-1]) for one in maps]
        sizes = torch.tensor(shapes, dtype=torch.long, device=images.device)
        seen = Memory(
            features=torch.cat([one.flatten(2).transpose(1, 2) for one in maps], dim=1),
            grids=tuple(Grid.of(extent, shape) for shape in shapes),
            shapes=shapes,
            sizes=sizes,
            starts=torch.cat([sizes.new_zeros(1), sizes.prod(1).cumsum(0)[:-1]]),
            extent=extent.repeat(1, 2)[:, None],
        )
        width, temperatures = seen.features.shape[-1], self._temperatures
        places = [
            grid.positions(width, temperatures) + level
            for grid, level in zip(seen.grids, self.level_embed, strict=True)
        ]
        encoded = self.encoder(
            inputs_embeds=seen.features,
            attention_mask=seen.valid,
            spatial_position_embeddings=torch.cat(places, dim=1),
            spatial_shapes=sizes,
            spatial_shapes_list=shapes,
            level_start_index=seen.starts,
            valid_ratios=seen.ratios,
        )
        return replace(seen, features=encoded.last_hidden_state)

    def train(self, mode: bool = True) -> "ImageEncoder":
        """What is frozen stays in evaluation mode: its statistics must not move either."""
        super().train(mode)
        if self._frozen:
            self.backbone.eval().requires_grad_(False)
        elif self._frozen_norms:
            freeze_norms(self.backbone)
        return self

    def named_backbone(self, weights: Mapping[str, Tensor]) -> dict[str, Tensor]:
        """Published weights of a backbone, as the weights of a detector are named."""
        return {f"image.backbone.maps.net.{name}": value for name, value in weights.items()}

    def save_memory(self) -> None:
        """Compute activations of the layers twice instead of keeping them."""
        checkpoint_layers(self.encoder.layers)

    def _maps(self, images: Tensor) -> list[Tensor]:
        raw = self.backbone(images)
        found = [project(one) for project, one in zip(self.input_proj, raw, strict=False)]
        last = raw[-1]
        for project in list(self.input_proj)[len(raw) :]:
            last = project(last)
            found.append(last)
        return found


def _projection(channels: int, width: int, kernel: int) -> nn.Module:
    stride, padding = (1, 0) if kernel == 1 else (2, 1)
    convolution = nn.Conv2d(channels, width, kernel, stride, padding)
    nn.init.xavier_uniform_(convolution.weight)
    nn.init.zeros_(cast("Tensor", convolution.bias))
    return nn.Sequential(convolution, nn.GroupNorm(_GROUPS, width))


def build_losses(model: Any, classes: int) -> SetLosses:
    """The losses that the section `model` of a spec asks for: their weights are the costs of matching too.

    Raises:
        SpecError: they cannot be had.
    """
    if set(model.loss_types) != {"labels", "boxes"}:
        raise SpecError([SpecProblem("model.loss_types", "must hold labels and boxes", model.loss_types)])
    weights = LossWeights(
        kinds=("focal", "boxes"),
        classes=model.cls_loss_coef,
        boxes=model.bbox_loss_coef,
        overlap=model.giou_loss_coef,
        costs=(model.cls_loss_coef, model.bbox_loss_coef, model.giou_loss_coef),
        alpha=model.focal_alpha,
    )
    return build_set_losses(weights, classes, "model.cls_loss_coef")
