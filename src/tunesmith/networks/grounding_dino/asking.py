"""What a text asks for: the phrases of classes, and in training those that an image shows beside others."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import torch
from torch import Tensor

from tunesmith.networks.grounding_dino.losses import TokenTarget
from tunesmith.networks.grounding_dino.text import Prompt, TextInputs, Vocabulary
from tunesmith.networks.layers.detector import Target


@dataclass(frozen=True)
class Asked:
    """Phrases to look for in all images.

    Attributes:
        phrases: as they are written.
        prompt: the text of them.
        inputs: the same for the model, with a batch of one.
    """

    phrases: tuple[str, ...]
    prompt: Prompt
    inputs: TextInputs

    @classmethod
    def of(cls, vocabulary: Vocabulary, phrases: Sequence[str], length: int | None = None) -> "Asked":
        """The text of some phrases, filled up to a length.

        Raises:
            TextError: they do not fit into one.
        """
        prompt = vocabulary.prompt(phrases)
        return cls(tuple(phrases), prompt, vocabulary.batch([prompt], length))


class Chosen(NamedTuple):
    """The text of a training image.

    Attributes:
        prompt: of its phrases.
        rows: (labels,): the phrase of each label; -1 where it is not in the text.
    """

    prompt: Prompt
    rows: Tensor


def chosen_for(
    vocabulary: Vocabulary, classes: Sequence[str], target: Target, caption: Any, most: int
) -> Chosen:
    """The text of an image: its caption, or the classes that it shows and others at random, in any order.

    Args:
        vocabulary: makes the text.
        classes: all that are known.
        target: what the image shows.
        caption: its text, with `phrases` that are its labels; None where labels are classes.
        most: classes in the text.
    """
    if caption is not None:
        prompt = vocabulary.caption(caption.text, caption.phrases)
        kept = [row if places else -1 for row, places in enumerate(prompt.phrases)]
        return Chosen(prompt, torch.tensor(kept, dtype=torch.int64))
    shown = sorted(set(target["class_labels"].tolist()))
    others = [label for label in torch.randperm(len(classes)).tolist() if label not in set(shown)]
    wanted = (shown + others)[: max(most, 1)]
    wanted = wanted[: vocabulary.fitting(classes[label] for label in wanted)]
    order = [wanted[place] for place in torch.randperm(len(wanted)).tolist()]
    rows = torch.full((len(classes),), -1)
    rows[order] = torch.arange(len(order))
    return Chosen(vocabulary.prompt([classes[label] for label in order]), rows)


def targets_of(targets: Sequence[Target], chosen: Sequence[Chosen], text: TextInputs) -> list[TokenTarget]:
    """What is there, with the words of each object; what the text does not name is left out."""
    found, length = [], text.input_ids.shape[1]
    for target, one in zip(targets, chosen, strict=True):
        labels = target["class_labels"]
        rows = one.rows.to(labels.device)[labels]
        kept = rows >= 0
        tokens = one.prompt.tokens(length).to(labels.device)[rows[kept]]
        masks = target.get("masks")
        found.append(TokenTarget(target["boxes"][kept], tokens, None if masks is None else masks[kept]))
    return found


def as_classes(logits: Tensor, prompt: Prompt) -> Tensor:
    """The logits of phrases (batch, queries, phrases): of each the largest of its tokens'."""
    if not prompt.phrases:
        return logits[..., :0]
    most = max(len(places) for places in prompt.phrases)
    padded = [[*places, *[places[0]] * (most - len(places))] for places in prompt.phrases]
    return logits[..., torch.tensor(padded, device=logits.device)].amax(-1)
