"""Words as a text encoder takes them: phrases joined to a text, and which tokens are whose."""

import json
import zlib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple, cast

import torch
from tokenizers import Tokenizer
from torch import LongTensor, Tensor
from transformers import AutoTokenizer
from transformers.models.grounding_dino.modeling_grounding_dino import (
    generate_masks_with_special_tokens_and_transfer_map as _block_masks,
)

Span = tuple[int, int]
"""First and last character, the last excluded."""

_ENDS = ("[CLS]", "[SEP]")
_STOPS = (".", "?")  # phrases end there, and their tokens look at none of another phrase
_PADDING = "[PAD]"


class TextError(ValueError):
    """Words that cannot be read; the message says which, and why."""


@dataclass(frozen=True)
class TextFiles:
    """What a text encoder is built of, beside its weights.

    Attributes:
        configuration: transformers' of the encoder.
        tokenizer: its tokenizer, as JSON.
    """

    configuration: Mapping[str, Any]
    tokenizer: str

    @classmethod
    def read(cls, folder: Path) -> "TextFiles":
        """The files that transformers saves.

        Raises:
            TextError: they are none of a BERT.
        """
        try:
            configuration = json.loads((folder / "config.json").read_text(encoding="utf-8"))
            if configuration.get("model_type") != "bert":
                raise TextError(f"is a {configuration.get('model_type')}, but must be a BERT")
            whole = folder / "tokenizer.json"
            if whole.exists():
                tokenizer = whole.read_text(encoding="utf-8")
            else:
                loaded: Any = AutoTokenizer.from_pretrained(folder, local_files_only=True)
                tokenizer = loaded.backend_tokenizer.to_str()
            Vocabulary(tokenizer)
        except (OSError, ValueError, AttributeError, ImportError) as error:
            raise error if isinstance(error, TextError) else TextError(f"cannot be read: {error}") from error
        return cls(configuration, tokenizer)

    def packed(self) -> bytes:
        """All of it in a few bytes, to be kept with the weights."""
        both = {"configuration": dict(self.configuration), "tokenizer": self.tokenizer}
        return zlib.compress(json.dumps(both).encode(), 9)

    @classmethod
    def unpacked(cls, data: bytes) -> "TextFiles":
        """What was packed."""
        both = json.loads(zlib.decompress(data))
        return cls(both["configuration"], both["tokenizer"])


class Prompt(NamedTuple):
    """A text, by the ids of its tokens.

    Attributes:
        ids: of the tokens.
        phrases: the places of the tokens of each phrase.
    """

    ids: tuple[int, ...]
    phrases: tuple[tuple[int, ...], ...]

    def tokens(self, length: int) -> Tensor:
        """Which of `length` tokens are whose: bool (phrases, length)."""
        found = torch.zeros(len(self.phrases), length, dtype=torch.bool)
        for row, places in enumerate(self.phrases):
            found[row, list(places)] = True
        return found


class TextInputs(NamedTuple):
    """What the model takes of texts, by the names that the published graphs have for it.

    Attributes:
        input_ids: int64 (batch, tokens).
        attention_mask: bool (batch, tokens): what is no padding.
        position_ids: int64 (batch, tokens): places within phrases.
        token_type_ids: int64 (batch, tokens), zeros.
        text_token_mask: bool (batch, tokens, tokens): which tokens look at which: those of one phrase.
    """

    input_ids: Tensor
    attention_mask: Tensor
    position_ids: Tensor
    token_type_ids: Tensor
    text_token_mask: Tensor

    def moved(self, device: torch.device) -> "TextInputs":
        """The same on a device."""
        return TextInputs(*(one.to(device) for one in self))


class Vocabulary:
    """A tokenizer, and texts of phrases."""

    def __init__(self, tokenizer: str, longest: int = 256) -> None:
        """Args:
        tokenizer: as JSON.
        longest: tokens of a text.

        Raises:
            TextError: it has no tokens for the ends of texts and phrases.
        """
        self._tokenizer = Tokenizer.from_str(tokenizer)
        self._tokenizer.no_padding()
        self._tokenizer.no_truncation()
        self.longest = longest
        names = (*_ENDS, *_STOPS, _PADDING)
        found = {name: self._tokenizer.token_to_id(name) for name in names}
        ids = {name: one for name, one in found.items() if one is not None}
        if absent := [name for name in names if name not in ids and name != "?"]:
            raise TextError(f"has a tokenizer without the tokens {', '.join(absent)}")
        self._first, self._last = ids["[CLS]"], ids["[SEP]"]
        self._stop, self._padding = ids["."], ids[_PADDING]
        self._special = torch.tensor([one for name, one in ids.items() if name != _PADDING])
        self._known: dict[str, tuple[int, ...]] = {}

    def words(self, phrase: str) -> tuple[int, ...]:
        """The tokens of a phrase.

        Raises:
            TextError: it has none.
        """
        if phrase not in self._known:
            text = " ".join(phrase.lower().replace("_", " ").replace(".", " ").replace("?", " ").split())
            self._known[phrase] = tuple(self._tokenizer.encode(text, add_special_tokens=False).ids)
        if not self._known[phrase]:
            raise TextError(f"the phrase {phrase!r} holds no words")
        return self._known[phrase]

    def fitting(self, phrases: Iterable[str]) -> int:
        """How many of the phrases fit into a text."""
        left, count = self.longest - len(_ENDS), 0
        for phrase in phrases:
            left -= len(self.words(phrase)) + 1
            if left < 0:
                break
            count += 1
        return count

    def prompt(self, phrases: Sequence[str]) -> Prompt:
        """A text of phrases: "cat. dog."

        Raises:
            TextError: they do not fit into one, or one holds no words.
        """
        fitting = self.fitting(phrases)
        if fitting < len(phrases):
            raise TextError(
                f"{len(phrases)} phrases do not fit into a text of {self.longest} tokens, {fitting} would"
            )
        ids, places = [self._first], []
        for phrase in phrases:
            words = self.words(phrase)
            places.append(tuple(range(len(ids), len(ids) + len(words))))
            ids += [*words, self._stop]
        return Prompt((*ids, self._last), tuple(places))

    def caption(self, text: str, phrases: Sequence[Sequence[Span]]) -> Prompt:
        """A text as it is written, with the places of its phrases; what is too long is cut off."""
        whole = text if text.rstrip().endswith(".") else f"{text.rstrip()}."
        found = self._tokenizer.encode(whole.lower(), add_special_tokens=False)
        most = self.longest - len(_ENDS)
        ids, offsets = found.ids[:most], found.offsets[:most]
        places = tuple(
            tuple(
                place
                for place, (start, stop) in enumerate(offsets, start=1)
                if any(start < last and stop > first for first, last in spans)
            )
            for spans in phrases
        )
        return Prompt((self._first, *ids, self._last), places)

    def batch(self, prompts: Sequence[Prompt], length: int | None = None) -> TextInputs:
        """Texts for the model, filled up to the longest one, or to a length."""
        length = length or max(len(one.ids) for one in prompts)
        ids = torch.full((len(prompts), length), self._padding)
        for row, one in enumerate(prompts):
            ids[row, : len(one.ids)] = torch.tensor(one.ids)
        lengths = torch.tensor([len(one.ids) for one in prompts])
        inside = torch.arange(length)[None] < lengths[:, None]
        # A column more, for the library takes a text that ends with the row for one cut off.
        more = torch.cat([ids, ids.new_full((len(ids), 1), self._padding)], dim=1)
        masks, positions = _block_masks(cast("LongTensor", more), cast("LongTensor", self._special))
        return TextInputs(
            ids,
            inside,
            positions[:, :length].contiguous(),
            torch.zeros_like(ids),
            masks[:, :length, :length].contiguous(),
        )
