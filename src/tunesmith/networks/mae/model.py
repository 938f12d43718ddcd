"""Builds the models of mae: an encoder with a decoder to pretrain it, or with a classifier on it."""

from collections.abc import Iterator, Mapping
from typing import NamedTuple

import torch
from torch import Tensor, nn

from tunesmith.networks.classifier import Classifier
from tunesmith.networks.layers.encoder_weights import encoder_weights
from tunesmith.networks.mae.decoders import Decoder
from tunesmith.networks.mae.encoders import Encoder, HieraEncoder, build_net, encoder_of
from tunesmith.networks.mae.patches import fixed_kept
from tunesmith.networks.mae.spec import FINETUNE, MaeSpec
from tunesmith.specs import SpecError, SpecProblem


class Reconstruction(NamedTuple):
    """What a masked autoencoder says of images.

    Attributes:
        embedding: the features of the whole images, (batch, width).
        patches: its guess at each patch, (batch, patches, numbers), from the visible ones alone.
    """

    embedding: Tensor
    patches: Tensor


class MaskedAutoencoder(nn.Module):
    """An encoder that sees a part of an image, and a decoder that fills in the rest.

    Takes normalised images (batch, 3, height, width), of the size that it was built for.

    Attributes:
        net: the timm model of the encoder.
        side: of a patch in pixels.
        count: patches of an image.
        ratio: share of the patches that are hidden.
        kept: the patches that stay visible where nothing is drawn at random.
    """

    kept: Tensor

    def __init__(self, net: nn.Module, spec: MaeSpec, size: tuple[int, int]) -> None:
        super().__init__()
        self.net = net
        encoder = self._encoder
        self.side, self.ratio = encoder.side, spec.train.mask_ratio
        grid = (size[0] // self.side, size[1] // self.side)
        self.count = grid[0] * grid[1]
        if self.count < 2:
            rule = f"must hold two patches of {self.side} pixels at least"
            raise SpecError([SpecProblem("dataset.augmentation.input_size", rule, size[0])])
        given = encoder.width
        self.fuse: nn.Module = nn.Identity()
        if isinstance(encoder, HieraEncoder):
            self.fuse = nn.Sequential(nn.Linear(sum(encoder.stages), given), nn.LayerNorm(given))
        self.decoder = Decoder(
            given,
            spec.model.decoder_embed_dim,
            spec.model.decoder_depth,
            grid,
            3 * self.side**2,
            convolves=encoder.convolves,
        )
        self.register_buffer("kept", fixed_kept(self.count, self.ratio), persistent=False)

    @property
    def _encoder(self) -> Encoder:
        return encoder_of(self.net, type(self.net).__name__)

    def reconstruct(self, images: Tensor, kept: Tensor) -> Tensor:
        """All patches, (batch, patches, numbers), from those that are kept, (batch, kept)."""
        patches: Tensor = self.decoder(self.fuse(self._encoder.visible(images, kept)), kept)
        return patches

    def embed(self, images: Tensor) -> Tensor:
        """The features of whole images, (batch, width)."""
        net = self.net
        found: Tensor = net.forward_head(net.forward_features(images), pre_logits=True)  # type: ignore[operator]
        return found

    def forward(self, images: Tensor) -> Reconstruction:
        """Embedding, and what is made of the same visible patches each time."""
        kept = self.kept.expand(images.shape[0], -1)  # len() would fix the batch of an exported graph
        return Reconstruction(self.embed(images), self.reconstruct(images, kept))


def build(
    spec: MaeSpec, num_classes: int = 0, *, size: tuple[int, int] | None = None
) -> MaskedAutoencoder | Classifier:
    """The model of the spec's stage, with random weights.

    Args:
        spec: of the network.
        num_classes: the number of classes, in fine-tuning.
        size: height and width of the images in pixels; the spec's square by default.

    Raises:
        SpecError: it cannot be built; the message names the key and the reason.
    """
    if problems := list(_problems(spec)):
        raise SpecError(problems)
    side = spec.dataset.augmentation.input_size
    size = size or (side, side)
    tuned = spec.train.stage == FINETUNE
    model = spec.model
    net = build_net(
        model.arch, num_classes if tuned else 0, size, model.drop_path_rate, mean=model.global_pool
    )
    if tuned:
        return Classifier(net, binary=False, frozen=False)
    return MaskedAutoencoder(net, spec, size)


def patch_side(spec: MaeSpec) -> int:
    """The side of the squares that are hidden or not, in pixels."""
    side = spec.dataset.augmentation.input_size
    with torch.device("meta"):
        net = build_net(spec.model.arch, 0, (side, side), 0.0, mean=True)
    return encoder_of(net, spec.model.arch).side


def checkpoint_filter_fn(weights: Mapping[str, Tensor], model: MaskedAutoencoder) -> dict[str, Tensor]:
    """Weights of an encoder, or of an autoencoder of another image size, under the names and in the shapes
    that they have here: what `fit` looks for."""
    own = {name.removeprefix("net."): value for name, value in weights.items() if name.startswith("net.")}
    net = encoder_weights(own or weights, model.net)
    return {name: value for name, value in weights.items() if not name.startswith("net.")} | {
        f"net.{name}": value for name, value in net.items()
    }


def _problems(spec: MaeSpec) -> Iterator[SpecProblem]:
    model, ratio = spec.model, spec.train.mask_ratio
    if not 0 < ratio < 1:
        yield SpecProblem("train.mask_ratio", "must be above 0 and below 1", ratio)
    if model.decoder_embed_dim < 4 or model.decoder_embed_dim % 4:
        rule = "must be a multiple of 4, at least 4"
        yield SpecProblem("model.decoder_embed_dim", rule, model.decoder_embed_dim)
    if model.decoder_depth < 1:
        yield SpecProblem("model.decoder_depth", "must be at least 1", model.decoder_depth)
    if not 0 <= model.drop_path_rate < 1:
        yield SpecProblem("model.drop_path_rate", "must be from 0 to below 1", model.drop_path_rate)
