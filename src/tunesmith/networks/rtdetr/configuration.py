"""The spec of rtdetr as the configuration of transformers' RT-DETR."""

from collections.abc import Callable, Iterator
from typing import cast

from transformers import RTDetrResNetConfig, RTDetrV2Config
from transformers.activations import ACT2CLS

from tunesmith.networks.rtdetr.backbone import Backbone
from tunesmith.networks.rtdetr.losses import loss_weights
from tunesmith.networks.rtdetr.spec import Model, RtdetrSpec
from tunesmith.specs import SpecError, SpecProblem

# transformers declares its configurations in a way that type checkers do not follow.
_configuration = cast("Callable[..., RTDetrV2Config]", RTDetrV2Config)
_resnet = cast("Callable[..., RTDetrResNetConfig]", RTDetrResNetConfig)


def configuration(spec: RtdetrSpec, num_classes: int, backbone: Backbone) -> RTDetrV2Config:
    """The configuration of a model with this backbone.

    Raises:
        SpecError: with all keys that do not go with one another.
    """
    model = spec.model
    if problems := list(_problems(model, backbone)):
        raise SpecError(problems)
    width = _encoder_width(model)
    return _configuration(
        num_labels=num_classes,
        backbone_config=backbone.configuration or _placeholder(),
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
        **loss_weights(model).keys(),
    )


def _placeholder() -> RTDetrResNetConfig:
    """A small backbone for transformers to build, which the real one replaces."""
    return _resnet(
        embedding_size=8, hidden_sizes=[8], depths=[1], layer_type="basic", out_features=["stage1"]
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
