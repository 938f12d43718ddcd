"""A grounded detector as a graph: it takes images and a text, and scores the text's tokens."""

import base64
from collections.abc import Mapping

from torch import Tensor, nn

from tunesmith.networks.grounding_dino.asking import Asked
from tunesmith.networks.grounding_dino.model import GroundingDino
from tunesmith.networks.grounding_dino.text import TextFiles, TextInputs
from tunesmith.specs import SpecError, SpecProblem
from tunesmith.training.tasks.graphs import Spread

TEXT = "tunesmith.text"
"""Name of the metadata that keep the tokenizer of a graph's texts."""

SCORES = "a sigmoid for each token of the text; the score of a phrase is the largest of its tokens'"


class TokenGraph(nn.Module):
    """Normalised images and a text to logits of tokens and boxes of all candidates."""

    def __init__(self, model: GroundingDino, spread: Spread) -> None:
        super().__init__()
        self.model, self.spread = model, spread

    def forward(
        self,
        images: Tensor,
        input_ids: Tensor,
        attention_mask: Tensor,
        position_ids: Tensor,
        token_type_ids: Tensor,
        text_token_mask: Tensor,
    ) -> tuple[Tensor, ...]:
        """Logits (batch, candidates, tokens), boxes (batch, candidates, 4), and what else is predicted."""
        text = TextInputs(input_ids, attention_mask, position_ids, token_type_ids, text_token_mask)
        found = self.model.tokens(self.spread(images), text)
        return tuple(one for one in found if one is not None)


def companions_of(asked: Asked) -> dict[str, Tensor]:
    """A text as the companions of a graph."""
    return dict(asked.inputs._asdict())


def text_metadata(files: TextFiles) -> dict[str, str]:
    """The text encoder's files, without weights, as metadata."""
    return {TEXT: base64.b64encode(files.packed()).decode("ascii")}


def text_in(metadata: Mapping[str, str]) -> TextFiles:
    """The text encoder's files out of a graph's metadata.

    Raises:
        SpecError: they do not have them.
    """
    if TEXT not in metadata:
        rule = f"must be a model exported by tunesmith: its metadata lack {TEXT}"
        raise SpecError([SpecProblem("model.onnx", rule, sorted(metadata))])
    return TextFiles.unpacked(base64.b64decode(metadata[TEXT]))
