"""What the detection task asks of a network's model."""

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from typing import NamedTuple

from torch import Tensor, nn

Target = Mapping[str, Tensor]
"""Of one image: `boxes` (n, 4), centre x and y, width, height as shares of the input; `class_labels` (n,)."""


class Predictions(NamedTuple):
    """What a detector predicts for a batch.

    Attributes:
        logits: of each class for each candidate, (batch, candidates, classes); independent of one another.
        boxes: (batch, candidates, 4), centre x and y, width, height as shares of the input.
        masks: logits (batch, candidates, height / 4, width / 4) of the input; None where there are none.
    """

    logits: Tensor
    boxes: Tensor
    masks: Tensor | None = None


Criterion = Callable[[Predictions, Sequence[Target]], Mapping[str, Tensor]]
"""The weighted losses of predictions, by name."""


class Detector(nn.Module, ABC):
    """A model that predicts boxes.

    Attributes:
        head_names: how the names of the weights begin that depend on the classes.
    """

    head_names: tuple[str, ...] = ()

    def published_name(self, name: str) -> str:
        """A weight's name as the published network has it, as far as patterns of names ask for it."""
        return name

    @property
    def output_layers(self) -> Sequence[nn.Module]:
        """The layers that make logits and boxes: pruning leaves them whole."""
        return ()

    @abstractmethod
    def forward(self, images: Tensor) -> Predictions:
        """Images (batch, channels, height, width) to predictions."""

    @abstractmethod
    def losses(self, images: Tensor, targets: Sequence[Target]) -> dict[str, Tensor]:
        """The weighted losses of a batch: their sum is minimised."""

    @abstractmethod
    def part(self, name: str) -> nn.Module:
        """The part that a file of weights is for: "backbone", say. The empty name is the whole."""


class Seen(NamedTuple):
    """What a detector makes of a batch.

    Attributes:
        predictions: of its last layer.
        features: the encoder's maps, (batch, width, height, width of the map) each, the finest first.
        places: logits (batch, places, classes) of the encoder for each place of its maps, one map after
            another; None where the decoder begins elsewhere.
    """

    predictions: Predictions
    features: tuple[Tensor, ...]
    places: Tensor | None = None


class Teachable(Detector):
    """A detector that can learn from another one of its kind, or teach it."""

    @abstractmethod
    def look(self, images: Tensor) -> Seen:
        """Images (batch, channels, height, width) to all that is compared."""

    @abstractmethod
    def losses(
        self,
        images: Tensor,
        targets: Sequence[Target],
        watch: Callable[[Seen], None] = lambda _: None,
    ) -> dict[str, Tensor]:
        """The weighted losses of a batch. `watch` is shown what the model made of it."""

    @property
    @abstractmethod
    def widths(self) -> tuple[int, ...]:
        """Of the maps that it is compared by."""

    @property
    @abstractmethod
    def matcher(self) -> Callable[[Mapping[str, Tensor], list[Target]], list[tuple[Tensor, Tensor]]]:
        """Of `logits` and `pred_boxes` of a batch, which candidates are which targets, for each image."""

    def forward(self, images: Tensor) -> Predictions:
        """Images to predictions."""
        return self.look(images).predictions
