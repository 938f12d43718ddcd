"""Grounding DINO on transformers' modules."""

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple, cast

import torch
from torch import Tensor, nn
from transformers import BertModel, GroundingDinoConfig
from transformers.models.grounding_dino.modeling_grounding_dino import GroundingDinoEncoder

from tunesmith.networks.grounding_dino.adapter import settings
from tunesmith.networks.grounding_dino.asking import Asked, Chosen, as_classes, chosen_for, targets_of
from tunesmith.networks.grounding_dino.configuration import configuration, scale_of
from tunesmith.networks.grounding_dino.decoder import Decoder, Looked
from tunesmith.networks.grounding_dino.losses import Layer, Match, TokenLosses, TokenTarget
from tunesmith.networks.grounding_dino.noise import Noise, noise_of
from tunesmith.networks.grounding_dino.published import own_names
from tunesmith.networks.grounding_dino.queries import LearntPlaces, Proposals, WordScores, box_head
from tunesmith.networks.grounding_dino.spec import GroundingDinoSpec, Model
from tunesmith.networks.grounding_dino.text import TextFiles, TextInputs, Vocabulary
from tunesmith.networks.grounding_dino.vision import Places, map_norms, placed, projections
from tunesmith.networks.layers.checkpointing import checkpoint_layers
from tunesmith.networks.layers.detector import Criterion, Detector, Predictions, Target
from tunesmith.networks.layers.places import extent_of
from tunesmith.networks.layers.pyramid import Pyramid, build_pyramid, freeze_norms
from tunesmith.networks.layers.set_losses import LossWeights, build_set_losses, criterion_of
from tunesmith.specs import SpecError, SpecProblem

__all__ = ["build", "checkpoint_filter_fn", "criterion", "settings"]

LOW = -30.0
"""The logit of padding in graphs: finite, so that runtimes can be compared."""

_LAST_STAGE = 3


class Found(NamedTuple):
    """What a model finds.

    Attributes:
        layers: what each layer of the decoder predicts; noisy queries come first.
        queries: (batch, queries, width) after each of them.
        proposed: what the encoder proposes; None without proposals.
        memory: (batch, places, width), of the encoder.
        places: where these are.
        noise: the noisy queries; None if there are none.
    """

    layers: list[Layer]
    queries: list[Tensor]
    proposed: Layer | None
    memory: Tensor
    places: Places
    noise: Noise | None


class GroundingDino(Detector):
    """Grounding DINO.

    Attributes:
        vocabulary: makes texts of phrases.
        asked: the phrases that `forward` looks for.
    """

    def __init__(
        self,
        spec: Model,
        config: GroundingDinoConfig,
        backbone: Pyramid,
        files: TextFiles,
        losses: TokenLosses,
    ) -> None:
        super().__init__()
        width = config.d_model
        self.config, self.backbone = config, backbone
        self.backbone_norms = map_norms(spec.backbone, backbone)
        self.input_proj_vision = projections(backbone.channels, spec.num_feature_levels, width)
        self.level_embed = nn.Parameter(torch.randn(spec.num_feature_levels, width))
        self.bert = BertModel(cast("Any", config.text_config), add_pooling_layer=False)
        self.text_projection = nn.Linear(self.bert.config.hidden_size, width)
        self.encoder: nn.Module = GroundingDinoEncoder(config)
        self.encoder_norm = nn.LayerNorm(width) if spec.pre_norm else nn.Identity()
        scale = scale_of(spec)
        self.begin: nn.Module = (
            Proposals(config, WordScores(spec, scale))
            if spec.two_stage_type == "standard"
            else LearntPlaces(config, spec)
        )
        self.decoder = Decoder(config, spec.decoder_sa_type)
        self.scores = WordScores(spec, scale)
        self.bbox_embed = box_head(width)
        self.register_buffer("text_files", torch.frombuffer(bytearray(files.packed()), dtype=torch.uint8))
        self.vocabulary = Vocabulary(files.tokenizer, spec.max_text_len)
        self.asked: Asked = Asked.of(self.vocabulary, ())
        self.frozen = not spec.train_backbone
        self.frozen_norms = False
        self.max_labels = 0
        self._spec, self._criterion = spec, [losses]  # a list: it holds no weights of the model

    def ask(self, phrases: Sequence[str]) -> None:
        """Look for other phrases from now on.

        Raises:
            TextError: they do not fit into a text.
        """
        self.asked = Asked.of(self.vocabulary, phrases)

    def forward(self, images: Tensor) -> Predictions:
        """Images (batch, channels, height, width) to predictions, with a logit for each phrase asked for."""
        found = self.tokens(images, self.asked.inputs.moved(images.device))
        return found._replace(logits=as_classes(found.logits, self.asked.prompt))

    def tokens(self, images: Tensor, text: TextInputs) -> Predictions:
        """Predictions with a logit for each token of a text: one for all images, or one for each."""
        found = self.run(images, text).layers[-1]
        return Predictions(found.logits.clamp_min(LOW), found.boxes)

    def losses(
        self, images: Tensor, targets: Sequence[Target], captions: Sequence[Any] = ()
    ) -> dict[str, Tensor]:
        """The losses of all layers, of the encoder's proposals, and of the boxes restored from noise.

        Args:
            images: of the batch.
            targets: what is there.
            captions: of each image the text whose phrases the labels are, where it has one.
        """
        chosen = [
            chosen_for(self.vocabulary, self.asked.phrases, target, caption, self.max_labels)
            for target, caption in zip(targets, captions or [None] * len(targets), strict=True)
        ]
        text = self.vocabulary.batch([one.prompt for one in chosen]).moved(images.device)
        wanted = targets_of(targets, chosen, text)
        found = self.run(images, text, self._noise(wanted, chosen, text))
        return self._losses(found, wanted, text, self.pixels(images, found))

    def part(self, name: str) -> nn.Module:
        """The whole, the backbone, or the text encoder."""
        match name:
            case "backbone":
                return self.backbone.maps.net
            case "text":
                return cast("nn.Module", self.bert)
            case _:
                return self

    def train(self, mode: bool = True) -> "GroundingDino":
        """What is frozen stays in evaluation mode: its statistics must not move either."""
        super().train(mode)
        if self.frozen:
            self.backbone.eval().requires_grad_(False)
        elif self.frozen_norms:
            freeze_norms(self.backbone)
        return self

    def run(self, images: Tensor, text: TextInputs, noise: Noise | None = None) -> Found:
        """All that the model finds in images of which a text speaks."""
        spec = self._spec
        temperatures = (spec.pe_temperatureH, spec.pe_temperatureW)
        raw = zip(self.backbone_norms.values(), self.backbone(images), strict=True)
        maps = [norm(one) for norm, one in raw]
        extent = extent_of(images)
        places = placed(maps, extent, self.input_proj_vision, self.level_embed, temperatures)
        read = self._read(text)
        if read.shape[0] < images.shape[0]:  # the length of a tensor would fix the batch of a graph
            read = read.expand(images.shape[0], -1, -1)
            text = TextInputs(*(one.expand(images.shape[0], *one.shape[1:]) for one in text))
        memory, words = self._encoded(places, read, text)
        begun = self.begin(memory, places, words, text.attention_mask)
        contents, boxes, apart = begun.contents, begun.boxes, None
        if noise is not None:
            named = noise.tokens.to(read.dtype)
            named = named / named.sum(-1, keepdim=True).clamp_min(1) @ read
            contents, boxes = torch.cat([named, contents], 1), torch.cat([noise.boxes, boxes], 1)
            apart = noise.apart(begun.contents.shape[1])
        masked = (~text.attention_mask).to(words.dtype) * torch.finfo(words.dtype).min
        looked = Looked(memory, places, words, masked[:, None, None])
        queries, boxes_of = self.decoder(contents, boxes, looked, self.bbox_embed, apart)
        layers = [
            Layer(self.scores(one, words, text.attention_mask), box)
            for one, box in zip(queries, boxes_of, strict=True)
        ]
        proposed = Layer(*begun.proposed) if begun.proposed else None
        return Found(layers, queries, proposed, memory, places, noise)

    def _read(self, text: TextInputs) -> Tensor:
        """The words (batch, tokens, width) before they have seen an image."""
        read = self.bert(
            input_ids=text.input_ids,
            attention_mask=text.text_token_mask[:, None],
            token_type_ids=text.token_type_ids,
            position_ids=text.position_ids,
        )
        projected: Tensor = self.text_projection(read.last_hidden_state)
        return projected

    def _encoded(self, places: Places, read: Tensor, text: TextInputs) -> tuple[Tensor, Tensor]:
        """Image and words after they have looked at one another."""
        found = self.encoder(
            vision_features=places.features,
            vision_attention_mask=~places.valid,
            vision_position_embedding=places.positions,
            spatial_shapes=places.sizes,
            spatial_shapes_list=places.shapes,
            level_start_index=places.starts,
            valid_ratios=places.ratios,
            text_features=read,
            text_attention_mask=~text.attention_mask,
            text_self_attention_masks=~text.text_token_mask,
            text_position_ids=text.position_ids,
            return_dict=True,
        )
        return self.encoder_norm(found.last_hidden_state_vision), found.last_hidden_state_text

    def _noise(
        self, wanted: Sequence[TokenTarget], chosen: Sequence[Chosen], text: TextInputs
    ) -> Noise | None:
        spec = self._spec
        if not spec.use_dn or not spec.dn_number:
            return None
        length = text.input_ids.shape[1]
        phrases = [one.prompt.tokens(length).to(text.input_ids.device) for one in chosen]
        return noise_of(wanted, phrases, spec.dn_number, spec.dn_box_noise_scale, spec.dn_label_noise_ratio)

    def _losses(
        self, found: Found, wanted: Sequence[TokenTarget], text: TextInputs, pixels: Tensor | None
    ) -> dict[str, Tensor]:
        spec, losses, valid = self._spec, self._criterion[0], text.attention_mask
        noisy = len(found.noise.seen) if found.noise else 0
        whole: dict[str, Tensor] = {}
        first = 0 if spec.aux_loss else len(found.layers) - 1
        for number, layer in list(enumerate(found.layers))[first:]:
            own = Layer(*(one[:, noisy:] for one in layer))
            matches = losses.match(own, wanted)
            parts = losses.of(own, wanted, matches, valid)
            parts |= self.further_losses(found.queries[number][:, noisy:], pixels, wanted, matches)
            whole |= _named(parts, f"_{number}")
            if found.noise:
                restored = Layer(*(one[:, :noisy] for one in layer))
                noise = found.noise
                parts = losses.of(restored, wanted, noise.matches, valid, noise.groups)
                whole |= _named(parts, f"_{number}_noise")
        if found.proposed:
            matches = losses.match(found.proposed, wanted)
            parts = losses.of(found.proposed, wanted, matches, valid)
            boxes = 0.0 if spec.no_interm_box_loss else 1.0
            shares = {"loss_class": 1.0, "loss_bbox": boxes, "loss_giou": boxes}
            whole |= _named(
                {name: spec.interm_loss_coef * shares[name] * value for name, value in parts.items()},
                "_encoder",
            )
        return whole

    def pixels(self, images: Tensor, found: Found) -> Tensor | None:  # noqa: ARG002
        """Features of pixels, where a network makes masks."""
        return None

    def further_losses(
        self,
        queries: Tensor,  # noqa: ARG002
        pixels: Tensor | None,  # noqa: ARG002
        wanted: Sequence[TokenTarget],  # noqa: ARG002
        matches: Sequence[Match],  # noqa: ARG002
    ) -> dict[str, Tensor]:
        """The losses of what a network predicts beside words and boxes, for the queries of a layer."""
        return {}


def build(
    spec: GroundingDinoSpec,
    classes: Sequence[str],
    files: TextFiles,
    *,
    pretrained: bool = False,
    size: tuple[int, int] | None = None,
    kind: type[GroundingDino] = GroundingDino,
) -> GroundingDino:
    """The model with random weights.

    Args:
        spec: of the network.
        classes: the phrases that it looks for.
        files: of the text encoder.
        pretrained: the backbone is to be filled with trained weights: its batch normalisation then stays.
        size: height and width of the images in pixels; the spec's by default.
        kind: the class of the model.

    Raises:
        SpecError: it cannot be built; the message names the key.
        TextError: the classes do not fit into a text.
    """
    model = spec.model
    inputs = settings(spec).inputs
    config = configuration(model, files.configuration)
    backbone = build_pyramid(
        model.backbone,
        [stage for stage in model.return_interm_indices if stage <= _LAST_STAGE],
        size or inputs.size,
        ("model.backbone", "model.return_interm_indices"),
        dilated=model.dilation,
    )
    found = kind(model, config, backbone, files, TokenLosses(loss_weights(model)))
    found.frozen_norms = pretrained
    found.max_labels = spec.dataset.max_labels
    found.ask(classes)
    if spec.train.activation_checkpoint:
        checkpoint_layers([*cast("Any", found.encoder).layers, *found.decoder.layers])
    return found


def checkpoint_filter_fn(weights: Mapping[str, Tensor], model: GroundingDino) -> dict[str, Tensor]:
    """Published weights under this model's names, with the constants that it has beside weights."""
    constants = ("num_batches_tracked", "relative_position_index", "attn_mask", "text_files")
    kept = {name: value for name, value in model.state_dict().items() if name.endswith(constants)}
    return kept | own_names(weights, model.config)


def criterion(spec: GroundingDinoSpec, num_classes: int) -> Criterion:
    """The losses of one layer's predictions of classes."""
    weights = loss_weights(spec.model)
    return criterion_of(build_set_losses(weights, num_classes, "model.set_cost_class"))


def loss_weights(model: Model) -> LossWeights:
    """Weights of losses and costs.

    Raises:
        SpecError: what is to be learnt is not what this network learns, or nothing decides on matches.
    """
    needed = {"labels", "boxes"}
    if not needed <= set(model.loss_types) <= needed | {"masks"}:
        raise SpecError([SpecProblem("model.loss_types", "must hold labels and boxes", model.loss_types)])
    costs = (model.set_cost_class, model.set_cost_bbox, model.set_cost_giou)
    if not any(costs):
        raise SpecError([SpecProblem("model.set_cost_class", "and the other costs must not all be 0", 0)])
    return LossWeights(
        ("focal", "boxes"),
        model.cls_loss_coef,
        model.bbox_loss_coef,
        model.giou_loss_coef,
        costs,
        model.focal_alpha,
        model.focal_gamma,
    )


def _named(parts: Mapping[str, Tensor], end: str) -> dict[str, Tensor]:
    return {f"{name}{end}": value for name, value in parts.items()}
