"""The spec of grounding_dino as the configuration of transformers' Grounding DINO."""

from collections.abc import Callable, Iterator, Mapping
from typing import Any, cast

from transformers import BertConfig, GroundingDinoConfig

from tunesmith.networks.grounding_dino.spec import Model
from tunesmith.specs import SpecError, SpecProblem

GROUPS = 32  # of the normalisation of projected maps

# transformers declares its configurations in a way that type checkers do not follow.
_configuration = cast("Callable[..., GroundingDinoConfig]", GroundingDinoConfig)


def configuration(model: Model, text: Mapping[str, Any]) -> GroundingDinoConfig:
    """The configuration of a model with this text encoder.

    Raises:
        SpecError: with all keys that do not go with one another.
    """
    encoder = BertConfig.from_dict(dict(text))
    if problems := list(_problems(model, encoder)):
        raise SpecError(problems)
    return _configuration(
        text_config=encoder,
        num_queries=model.num_queries,
        d_model=model.hidden_dim,
        encoder_layers=model.enc_layers,
        encoder_ffn_dim=model.dim_feedforward,
        encoder_attention_heads=model.nheads,
        encoder_n_points=model.enc_n_points,
        decoder_layers=model.dec_layers,
        decoder_ffn_dim=model.dim_feedforward,
        decoder_attention_heads=model.nheads,
        decoder_n_points=model.dec_n_points,
        num_feature_levels=model.num_feature_levels,
        dropout=model.dropout_ratio,
        max_text_len=model.max_text_len,
        two_stage=model.two_stage_type == "standard",
        embedding_init_target=model.embed_init_tgt,
    )


def scale_of(model: Model) -> float | None:
    """The logarithm of the factor of scores; None where it is not learnt.

    Raises:
        SpecError: it is neither none, auto nor a number.
    """
    if model.log_scale in ("none", "auto", ""):
        return None
    try:
        return float(model.log_scale)
    except ValueError as error:
        rule = "must be none, auto or a number"
        raise SpecError([SpecProblem("model.log_scale", rule, model.log_scale)]) from error


def _problems(model: Model, encoder: Any) -> Iterator[SpecProblem]:
    heads, width = model.nheads, model.hidden_dim
    if heads < 2 or heads % 2 or width % heads or width % GROUPS:
        rule = f"must be a multiple of {GROUPS} and of model.nheads, which must be even"
        yield SpecProblem("model.hidden_dim", rule, width)
    elif model.dim_feedforward % heads:
        rule = f"must be a multiple of model.nheads, {heads}"
        yield SpecProblem("model.dim_feedforward", rule, model.dim_feedforward)
    if len(model.return_interm_indices) > model.num_feature_levels:
        rule = f"must name at most model.num_feature_levels stages, {model.num_feature_levels}"
        yield SpecProblem("model.return_interm_indices", rule, model.return_interm_indices)
    if model.max_text_len > encoder.max_position_embeddings:
        rule = f"must be at most what the text encoder takes, {encoder.max_position_embeddings}"
        yield SpecProblem("model.max_text_len", rule, model.max_text_len)
    if model.fix_refpoints_hw == 0:
        yield SpecProblem("model.fix_refpoints_hw", "must be -2, -1 or a positive number", 0)
