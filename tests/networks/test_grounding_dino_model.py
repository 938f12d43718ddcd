"""The model of grounding_dino: true to the published one, and what it makes of words."""

from typing import Any

import pytest
import timm
import torch
from bench.learn.encoder import write_encoder
from tests.training.jobs import nested
from tests.training.words import SMALL_WORDS
from transformers import (
    BertConfig,
    GroundingDinoConfig,
    GroundingDinoForObjectDetection,
    SwinConfig,
)

from tunesmith.networks.features import FeatureMaps
from tunesmith.networks.grounding_dino import model as module
from tunesmith.networks.grounding_dino.asking import as_classes, chosen_for, targets_of
from tunesmith.networks.grounding_dino.model import GroundingDino, build
from tunesmith.networks.grounding_dino.noise import noise_of
from tunesmith.networks.grounding_dino.spec import GroundingDinoSpec
from tunesmith.networks.grounding_dino.text import TextError, TextFiles, Vocabulary
from tunesmith.networks.layers.pyramid import Pyramid
from tunesmith.specs import validate_spec
from tunesmith.training.engine.weights import load_weights
from tunesmith.training.tasks.detection.annotations import Caption

TARGETS = [
    {
        "boxes": torch.tensor([[0.5, 0.5, 0.2, 0.3], [0.2, 0.3, 0.1, 0.1]]),
        "class_labels": torch.tensor([1, 0]),
    },
    {"boxes": torch.zeros(0, 4), "class_labels": torch.zeros(0, dtype=torch.int64)},
]
ALL_STAGES = SMALL_WORDS | {"model.num_feature_levels": 3, "model.return_interm_indices": [1, 2, 3]}
SWIN: dict[str, Any] = {"embed_dim": 16, "depths": (1, 1, 2, 1), "num_heads": (1, 2, 2, 4)}


@pytest.fixture(scope="module")
def files(tmp_path_factory) -> TextFiles:
    folder = tmp_path_factory.mktemp("encoder") / "bert"
    write_encoder(folder)
    return TextFiles.read(folder)


@pytest.fixture
def vocabulary(files) -> Vocabulary:
    return Vocabulary(files.tokenizer, 32)


def small(files, **model) -> GroundingDino:
    keys = ALL_STAGES | {f"model.{key}": value for key, value in model.items()}
    torch.manual_seed(0)
    return build(validate_spec(GroundingDinoSpec, nested(keys)), ("zero", "one", "two"), files)


def images(side: int = 96) -> torch.Tensor:
    """Two images, the second of which is filled up at the right."""
    found = torch.rand(2, 3, side, side, generator=torch.Generator().manual_seed(1)) + 0.1
    found[1, :, :, side - side // 8 :] = 0
    return found


def test_published_weights_predict_as_in_their_library(files, tmp_path, monkeypatch):
    swin = timm.create_model("swin_tiny_patch4_window7_224", num_classes=0, **SWIN)
    monkeypatch.setattr(
        module, "build_pyramid", lambda *_, **__: Pyramid(FeatureMaps(swin, (224, 224)), [1, 2, 3])
    )
    ours = small(
        files,
        backbone="swin_tiny_224_1k",
        num_feature_levels=4,
        return_interm_indices=[1, 2, 3, 4],
        class_embed_bias=False,
        log_scale="none",
    ).eval()
    swin_configuration: Any = SwinConfig  # declared in a way that type checkers do not follow
    config = GroundingDinoConfig(
        backbone_config=swin_configuration(image_size=224, window_size=7, out_indices=[2, 3, 4], **SWIN),
        text_config=BertConfig(**files.configuration),
        num_queries=30,
        d_model=64,
        encoder_layers=1,
        encoder_ffn_dim=128,
        encoder_attention_heads=4,
        decoder_layers=2,
        decoder_ffn_dim=128,
        decoder_attention_heads=4,
        max_text_len=32,
    )
    published = GroundingDinoForObjectDetection(config).eval()
    with torch.no_grad():
        for weight in published.parameters():
            weight.add_(0.05 * torch.randn_like(weight))
    published.save_pretrained(tmp_path)
    said = load_weights(ours, tmp_path / "model.safetensors", "base")
    assert "2 are not in it (backbone.maps.net.norm.weight, backbone.maps.net.norm.bias)" in said
    assert "another shape" not in said
    text = ours.vocabulary.batch([ours.asked.prompt] * 2)
    published.model.special_tokens = ours.vocabulary._special
    with torch.inference_mode():
        mine = ours.tokens(images(224), text)
        theirs = published(
            pixel_values=images(224),
            input_ids=text.input_ids,
            attention_mask=text.attention_mask.long(),
            pixel_mask=(images(224)[:, 0] > 0).long(),
        )
    wanted = theirs.logits[..., : text.input_ids.shape[1]].clamp_min(module.LOW)
    torch.testing.assert_close(mine.logits, wanted, rtol=1e-4, atol=1e-3)
    torch.testing.assert_close(mine.boxes, theirs.pred_boxes, rtol=1e-4, atol=1e-4)


def test_phrases_become_a_text_whose_tokens_are_known(vocabulary):
    prompt = vocabulary.prompt(["zero", "a cat_dog"])
    assert prompt.phrases == ((1,), (3, 4, 5, 6, 7, 8, 9))
    text = vocabulary.batch([prompt, vocabulary.prompt(["one"])])
    assert text.attention_mask.sum(1).tolist() == [12, 4]
    looked = text.text_token_mask[0]
    assert not looked[1, 3]
    assert looked[3, 9]
    assert text.position_ids[0].tolist() == [0, 0, 1, 0, 1, 2, 3, 4, 5, 6, 7, 0]
    with pytest.raises(TextError, match="40 phrases do not fit into a text of 32 tokens, 15 would"):
        vocabulary.prompt(["one"] * 40)
    with pytest.raises(TextError, match=r"the phrase ' \. ' holds no words"):
        vocabulary.prompt([" . "])


def test_captions_keep_their_words_and_lose_what_is_too_long(vocabulary):
    prompt = vocabulary.caption("I see a zero, a one", [((8, 12),), ((16, 19),)])
    assert [[prompt.ids[place] for place in places] for places in prompt.phrases] == [
        [vocabulary.words("zero")[0]],
        [vocabulary.words("one")[0]],
    ]
    long = "one " * 40 + "zero"
    assert vocabulary.caption(long, [((160, 164),)]).phrases == ((),)


def test_a_training_text_has_the_classes_of_its_image_and_some_others(vocabulary):
    classes = [f"{letter}{letter}" for letter in "abcdefghij"]
    target = {"boxes": torch.rand(2, 4), "class_labels": torch.tensor([7, 7])}
    torch.manual_seed(0)
    chosen = chosen_for(vocabulary, classes, target, None, 4)
    assert len(chosen.prompt.phrases) == 4
    assert chosen.rows[7] >= 0
    assert int((chosen.rows >= 0).sum()) == 4
    text = vocabulary.batch([chosen.prompt])
    (found,) = targets_of([target], [chosen], text)
    place = chosen.prompt.phrases[int(chosen.rows[7])]
    assert found.tokens.nonzero()[:, 1].unique().tolist() == list(place)
    told = Caption("a one, a zero", (((2, 5),), ((9, 13),)))
    captioned = chosen_for(vocabulary, classes, target, told, 4)
    assert captioned.rows.tolist() == [0, 1]


def test_the_score_of_a_phrase_is_its_best_tokens(vocabulary):
    prompt = vocabulary.prompt(["zero", "cat"])
    logits = torch.zeros(1, 1, len(prompt.ids))
    logits[0, 0, list(prompt.phrases[1])] = torch.tensor([1.0, 5.0, 2.0])
    assert as_classes(logits, prompt).tolist() == [[[0.0, 5.0]]]
    assert as_classes(logits, vocabulary.prompt([])).shape == (1, 1, 0)


def test_what_fills_up_a_text_changes_nothing(files):
    model = small(files).eval()
    short, long = (model.vocabulary.batch([model.asked.prompt], length) for length in (None, 32))
    with torch.inference_mode():
        one, other = model.tokens(images(), short), model.tokens(images(), long)
    torch.testing.assert_close(other.logits[..., : one.logits.shape[-1]], one.logits, rtol=1e-4, atol=1e-4)
    torch.testing.assert_close(other.boxes, one.boxes, rtol=1e-4, atol=1e-4)
    assert bool((other.logits[..., one.logits.shape[-1] :] == module.LOW).all())


@pytest.mark.parametrize(
    "model",
    [
        {},
        {"dn_number": 6},
        {"two_stage_type": "no"},
        {"two_stage_type": "no", "fix_refpoints_hw": -2},
        {"decoder_sa_type": "ca_label"},
        {"embed_init_tgt": False},
        {"no_interm_box_loss": True},
    ],
)
def test_every_weight_learns(files, model):
    built = small(files, **model).train()
    losses = built.losses(images(), TARGETS)
    torch.stack(list(losses.values())).sum().backward()
    assert not [name for name, weight in built.named_parameters() if weight.grad is None]
    assert all(bool(value.isfinite()) for value in losses.values())
    empty = built.losses(images(), [TARGETS[1], TARGETS[1]])
    assert all(bool(value.isfinite()) for value in empty.values())


def test_noise_moves_boxes_and_keeps_groups_apart(files, vocabulary):
    asked = vocabulary.prompt(["zero", "one"])
    chosen = [chosen_for(vocabulary, ["zero", "one"], target, None, 9) for target in TARGETS]
    text = vocabulary.batch([one.prompt for one in chosen])
    wanted = targets_of(TARGETS, chosen, text)
    phrases = [one.prompt.tokens(len(asked.ids)) for one in chosen]
    torch.manual_seed(0)
    noise = noise_of(wanted, phrases, 6, 0.4, 0.0)
    assert noise is not None
    assert noise.groups == 3
    assert noise.boxes.shape == (2, 12, 4)
    (queries, objects), nothing = noise.matches
    assert objects.tolist() == [0, 1, 0, 1, 0, 1]
    assert not len(nothing[0])
    near, true = noise.boxes[0, queries], wanted[0].boxes[objects]
    assert bool(((near - true).abs() <= 0.4 * true[:, 2:].repeat(1, 2) + 1e-6).all())
    assert torch.equal(noise.tokens[0, queries], wanted[0].tokens[objects])
    apart = noise.apart(5)
    assert bool((apart[:4, :4] == 0).all())
    assert bool((apart[:4, 4:12] < -1e30).all())
    assert bool((apart[12:, :12] < -1e30).all())
    assert noise_of(wanted[1:], phrases[1:], 6, 0.4, 0.0) is None
