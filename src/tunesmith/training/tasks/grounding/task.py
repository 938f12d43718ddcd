"""Detection of what words name, as the verbs see it."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any, Self, cast

from torch import Tensor, nn

from tunesmith.networks import Network
from tunesmith.networks.grounding_dino.asking import Asked, as_classes
from tunesmith.networks.grounding_dino.model import GroundingDino
from tunesmith.networks.grounding_dino.text import TextError, TextFiles, Vocabulary
from tunesmith.networks.layers.detector import Predictions
from tunesmith.specs import Block, SpecError, SpecProblem
from tunesmith.training.base_models import weights_of
from tunesmith.training.engine.training import Training
from tunesmith.training.engine.weights import load_weights, workspace_file
from tunesmith.training.run import Run
from tunesmith.training.tasks.base import ExportPlan, Work
from tunesmith.training.tasks.detection.annotations import DetectionSample
from tunesmith.training.tasks.detection.batches import DetectionBatch
from tunesmith.training.tasks.detection.samples import TrainingSamples
from tunesmith.training.tasks.detection.task import Detection
from tunesmith.training.tasks.detection.training import DetectionTraining
from tunesmith.training.tasks.grounding.encoders import KEY, TextEncoder, text_encoder
from tunesmith.training.tasks.grounding.export import (
    SCORES,
    TokenGraph,
    companions_of,
    text_in,
    text_metadata,
)
from tunesmith.training.tasks.grounding.samples import evaluated, grounded_samples

_OWN = ("text_files",)  # of the text encoder at hand; those of other weights are theirs


class GroundingTraining(DetectionTraining):
    """A grounded detector and its losses."""

    def own(self, batch: DetectionBatch) -> dict[str, Tensor]:
        """The weighted losses of the model, by name."""
        model = cast("GroundingDino", self.model)
        return model.losses(batch.images, batch.targets(), batch.captions)


class Grounding(Detection):
    """Finds what words name. Its classes are phrases: others may be looked for with the same model."""

    def __init__(
        self,
        run: Run,
        network: Network,
        spec: Block,
        classes: tuple[str, ...],
        samples: TrainingSamples | None = None,
    ) -> None:
        super().__init__(run, network, spec, classes, samples)
        self._encoder: TextEncoder | None = None
        self._files: TextFiles | None = None
        self._model: GroundingDino | None = None
        self._vocabulary: Vocabulary | None = None

    @classmethod
    def for_training(cls, run: Run, network: Network, spec: Block, seed: int) -> Self:
        """The task of a job that trains, on the datasets of its request."""
        samples = grounded_samples(run, seed, masks=cls.learns_masks(spec))
        return cls(run, network, spec, samples.classes, samples)

    @classmethod
    def learns_masks(cls, spec: Block) -> bool:  # noqa: ARG003 - networks with masks ask
        """Whether a spec asks for masks."""
        return False

    def build(self, *, pretrained: bool = False, size: tuple[int, int] | None = None) -> nn.Module:
        """The detector, for images of a size; the spec's by default."""
        try:
            model = self._module.build(
                self.spec, self.classes, self._text(), pretrained=pretrained, size=size
            )
        except TextError as error:
            raise _too_much(error, self.classes) from error
        self._model = cast("GroundingDino", model)
        return self._model

    def load_pretrained(self, model: nn.Module) -> None:
        """Fill in the text encoder's weights, then the base experiments', then those that the spec names."""
        detector = cast("GroundingDino", model)
        if self._encoder:
            self._load_text(detector, self._encoder)
        for note in self.settings.notes:
            self.run.note(f"{note} Published weights of it do not fit.")
        for base in self.run.request.base_models:
            file = weights_of(self.run, base)
            self.run.note(load_weights(detector, file, f"base_experiment {base.name}", _OWN))
        for path, (key, part) in self.settings.files.items():
            if key:
                file = workspace_file(self.run, key, path)
                self.run.note(load_weights(detector.part(part), file, path, _OWN))

    def outputs(self, found: Sequence[Tensor]) -> Predictions:
        """The logits of the phrases, and the boxes."""
        return Predictions(as_classes(found[0], self._phrased().prompt), *found[1:])

    def companions(self) -> Mapping[str, Tensor]:
        """The text of what is looked for."""
        return companions_of(self._phrased())

    def training(self, model: nn.Module) -> Training[DetectionBatch]:
        """The detector's own losses; what the spec freezes does not learn."""
        super().training(model)
        return GroundingTraining(cast("GroundingDino", model), self.form)

    def export_plan(self, weights: dict[str, Tensor], spec: Block) -> ExportPlan:
        """The detector as a graph of images and a text, which keeps the text of the trained classes."""
        plan = super().export_plan(weights, spec)
        graph = cast("Any", plan.module)
        return replace(
            plan,
            module=TokenGraph(graph.model, graph.spread).eval(),
            metadata=plan.metadata | {"scores": SCORES} | text_metadata(self._text()),
            companions=self.companions(),
        )

    def adopt_weights(self, weights: Mapping[str, Tensor]) -> None:
        """Read texts with the tokenizer that the weights were trained with."""
        self._files = TextFiles.unpacked(bytes(weights["text_files"].tolist()))

    def adopt_graph(self, metadata: Mapping[str, str]) -> None:
        """Take images as the graph takes them, and read texts with its tokenizer."""
        super().adopt_graph(metadata)
        self._files = text_in(metadata)

    def labelled(self) -> list[DetectionSample]:
        """The images to evaluate on; the classes of their dataset are looked for."""
        classes, samples = evaluated(self.run, masks=self.masks)
        self.look_for(classes)
        return samples

    def inference(self, spec: Block) -> Work[DetectionBatch]:
        """Images to predict, in which the spec's captions are looked for, or else the trained classes."""
        if captions := _captions(spec):
            self.look_for(captions)
        return super().inference(spec)

    def look_for(self, phrases: tuple[str, ...]) -> None:
        """Look for other phrases from now on.

        Raises:
            SpecError: they do not fit into a text.
        """
        self.classes = phrases
        try:
            self._phrased()
            if self._model:
                self._model.ask(phrases)
        except TextError as error:
            raise _too_much(error, phrases) from error

    def _phrased(self) -> Asked:
        """What is looked for, as a graph takes it."""
        longest = int(self.spec.value("model.max_text_len"))
        if self._vocabulary is None:
            self._vocabulary = Vocabulary(self._text().tokenizer, longest)
        return Asked.of(self._vocabulary, self.classes, longest)

    def _text(self) -> TextFiles:
        """The text encoder's files: the trained model's, else those that the spec names."""
        if self._files is None:
            self._encoder = text_encoder(self.run, str(self.spec.value(KEY)))
            self._files = self._encoder.files
        return self._files

    def _load_text(self, model: GroundingDino, encoder: TextEncoder) -> None:
        if encoder.weights is None:
            self.run.note(f"{KEY}: the folder in {encoder.source} has no weights; the words begin anew.")
            return
        loaded = load_weights(model.part("text"), encoder.weights, KEY)
        self.run.note(f"{loaded} They come from {encoder.source}.")


def _captions(spec: Block) -> tuple[str, ...]:
    """The phrases that a job is to look for, one each, or several with stops between them.

    Raises:
        SpecError: they are no texts.
    """
    path = "dataset.infer_data_sources"
    given = cast("dict[str, Any]", spec.value(path)).get("captions") or []
    given = [given] if isinstance(given, str) else given
    if not isinstance(given, list) or not all(isinstance(one, str) for one in given):
        raise SpecError([SpecProblem(f"{path}.captions", "must hold phrases", given)])
    phrases = [part.strip() for one in given for part in one.split(".")]
    return tuple(dict.fromkeys(part for part in phrases if part))


def _too_much(error: TextError, phrases: Sequence[str]) -> SpecError:
    return SpecError(
        [SpecProblem("model.max_text_len", f"does not go with these phrases: {error}", phrases[:5])]
    )
