"""A text encoder that knows nothing yet, for networks that learn words."""

import string
from pathlib import Path
from typing import Any

import torch
from transformers import BertConfig, BertModel, BertTokenizer

from tunesmith.data.scenes import NAMES


def write_encoder(folder: Path, width: int = 32) -> None:
    """A BERT of random weights with a WordPiece tokenizer, as transformers saves them."""
    folder.mkdir(parents=True)
    letters = [*string.ascii_lowercase, *string.digits]
    words = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", *".?,'-", *NAMES, *letters]
    words += [f"##{letter}" for letter in letters]
    vocabulary = folder / "vocab.txt"
    vocabulary.write_text("".join(f"{word}\n" for word in words), encoding="utf-8")
    tokenizer: Any = BertTokenizer(vocab={word: place for place, word in enumerate(words)})
    tokenizer.save_pretrained(folder)
    torch.manual_seed(0)
    config: Any = BertConfig(
        vocab_size=len(words),
        hidden_size=width,
        num_hidden_layers=1,
        num_attention_heads=2,
        intermediate_size=2 * width,
        max_position_embeddings=64,
    )
    BertModel(config).save_pretrained(folder)
